import type { EndedHome, HostingProgress, JoinOptions, MoveStep } from '../client/hosting.ts'
import { MOVE_STEPS } from '../client/hosting.ts'
import { homeOf } from '../client/known-homes.ts'
import { MercuryError } from '../errors.ts'
import type { LinkDraft } from '../identity/link.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { HomeEntry } from '../profile/document.ts'
import type { Row } from './output.ts'
import { oneLine, printable, toJson } from './printable.ts'
import type { Session } from './session.ts'

/** A home that a profile lists, as its own document says. */
export interface ListedHome {
  readonly id: ProfileId
  /** Multiaddrs. */
  readonly addresses: readonly string[]
  readonly since: Date
}

const STEPS: Readonly<Record<MoveStep, string>> = {
  agree: 'asking the new home',
  media: 'bringing pictures there',
  publish: 'publishing with the new home first',
  'read-back': 'reading back from the new home and from elsewhere',
  withdraw: 'publishing without the old home',
  end: 'ending the old agreement'
}

/** Shows how a join, a move or a leave goes. */
export const showHosting = (session: Session): ((progress: HostingProgress) => void) => {
  const { output } = session
  let step = ''
  const show = async (progress: HostingProgress): Promise<void> => {
    switch (progress.type) {
      case 'step':
        step = `step ${MOVE_STEPS.indexOf(progress.step) + 1} of ${MOVE_STEPS.length}, `
        return output.progress(`${step}${STEPS[progress.step]} …`)
      case 'described': return output.progress(`${step}asking ${progress.description.home} …`)
      case 'agreed': return output.progress(`${step}${progress.home} agreed …`)
      case 'uploaded': return progress.media.blocks === 0 ? undefined : output.progress(`${step}${progress.media.blocks} blocks brought there …`)
      case 'saved': return output.progress(`${step}signed and saved; sending …`)
      case 'active': return output.progress(`${step}${progress.home} hosts the profile …`)
      case 'warning': return output.warn(progress.code, progress.message)
      default: return undefined
    }
  }
  return (progress) => void show(progress)
}

/** Shows the terms of a home and asks; with `--yes` they are agreed to. */
export const agreement = (session: Session): NonNullable<JoinOptions['agreesTo']> => async (terms) => {
  const { flags, host: { stderr, stdin }, json, output } = session
  await output.clear()
  await stderr.write(json ? `${toJson({ terms })}\n` : `The home has terms:\n\n${printable(terms).trimEnd().replace(/^/gm, '  ')}\n\n`)
  if (flags.has('yes')) return true
  try {
    return /^(y|yes)$/i.test((await stdin.ask('Do you agree? yes or no: ')).trim())
  } catch (error) {
    if (error instanceof MercuryError && error.code === 'NO_TERMINAL') return false
    throw error
  }
}

export const describeHome = ({ id, since, addrs = [] }: HomeEntry): ListedHome[] => {
  const home = homeOf({ id } as HomeEntry)
  return home === undefined ? [] : [{ id: home, addresses: addrs, since: new Date(since * 1_000) }]
}

/** What a link says of where the profile lives: whoever follows it asks there first. */
export const whereIn = ([current]: readonly ListedHome[] = []): Pick<LinkDraft, 'home' | 'addresses'> => (current ? { home: current.id, addresses: current.addresses } : {})

/** The homes that a profile lists as far as this device knows, the first of them its current one; `undefined` where it knows no version, or cannot read it now. */
export const readHomes = async (id: ProfileId, session: Session): Promise<readonly ListedHome[] | undefined> => {
  const { signal } = session
  try {
    if (!session.host.node && (await session.isNew())) return undefined
    const { profiles } = await session.open({ local: true })
    const { document } = await profiles.resolve(id, { policy: 'offline', signal })
    return (document.homes ?? []).flatMap(describeHome)
  } catch (error) {
    if (error instanceof MercuryError) return undefined
    throw error
  }
}

export const homesRow = (homes: readonly ListedHome[] | undefined): Row =>
  ['Lives at', homes && (homes.length === 0 ? 'none; mercury join HOME takes one' : homes.map(({ id, addresses }) => [id, ...addresses.slice(0, 1).map(oneLine)].join('  ')).join('\n'))]

/** A row for each home that was left. */
export const leftRows = (left: readonly EndedHome[]): Row[] =>
  left.map(({ home, ended, reason }) => ['Left', `${home}${ended ? '' : `; it was not told: ${oneLine(reason ?? 'it did not answer')}`}`])
