import { MercuryError } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { Home } from '../../home.ts'
import type { PlaceReport } from '../../node/check-places.ts'
import type { Command } from '../command.ts'
import { homesRow, readHomes } from '../hosting.ts'
import { table, type Paint, type Row } from '../output.ts'
import { currentPersona, readPersonaList } from '../persona-list.ts'
import type { Session } from '../session.ts'
import { vaultProtection } from '../vault-file.ts'
import { VERSION } from '../version.ts'

export const status: Command = {
  name: 'status',
  usage: '',
  summary: 'show what is here, where it is kept, what runs and what is still owed',
  details: 'Each place of the configuration is asked something small, and told with the reason where it does not answer; --offline asks nobody.',
  words: [0, 0],
  examples: [{ line: 'mercury status', explains: 'is everything sent, and does every place answer?' }],
  place: 'directory',
  async run (session) {
    const { directory, output, host: { node } } = session
    const list = await readPersonaList(directory)
    await output.progress('asking …')
    const [books, places] = [await readBooks(session), await checkAll(session)]
    const protection = list && (await vaultProtection(directory))
    const current = list && currentPersona(list)
    const homes = current && 'kept' in books ? await readHomes(current.id, session) : undefined
    const home = node ? await describeHome(node.home) : undefined
    const answer = {
      directory,
      initialised: list !== undefined,
      ...(list && current ? { personas: list.personas.length, current: current.id, protection } : {}),
      ...(homes ? { homes } : {}),
      node: node ? { peerId: node.mercury.peerId, addresses: node.mercury.addresses } : null,
      ...(home ? { home } : {}),
      places,
      ...books,
      versions: { mercury: VERSION, node: process.versions.node }
    }
    await output.answer(answer, table([
      ['Directory', directory],
      ['Personas', list ? `${list.personas.length}, kept ${protection === 'passphrase' ? 'under a passphrase' : 'by file mode only'}` : 'none; make them with mercury init'],
      ['You are', current && `${current.label === undefined ? '' : `${current.label}  `}${output.paint('cyan', current.id)}`],
      homesRow(homes),
      ['Home', home && `${output.paint('cyan', home.id)}\nhosts ${home.hosted} of at most ${home.maxProfiles}, ${home.policy}${home.http === undefined ? '' : `, at ${home.http}`}`],
      ['Node', node ? node.mercury.addresses.join('\n') || 'running, without libp2p' : 'not running; start one with mercury serve'],
      ...placeRows(places, output.paint),
      ...bookRows(books),
      ['Versions', `mercury ${VERSION}, Node.js ${process.versions.node}`]
    ], output.paint))
  }
}

const describeHome = async (home: Home) => ({ id: home.id, ...(home.url === undefined ? {} : { http: home.url }), ...await home.stats() })

type Books =
  | { kept: number; owed: { id: ProfileId; targets: readonly string[] }[] }
  /** The state could not be opened. */
  | { error: { code: string; message: string } }

const readBooks = async (session: Session): Promise<Books> => {
  try {
    if (!session.host.node && (await session.isNew())) return { kept: 0, owed: [] }
    const { profiles } = await session.open({ local: true })
    let kept = 0
    for await (const _ of profiles.kept()) kept++
    return { kept, owed: await Array.fromAsync(profiles.owed()) }
  } catch (error) {
    if (!(error instanceof MercuryError) || error.code !== 'STORE_FAILED') throw error
    return { error: { code: error.code, message: error.message } }
  }
}

const checkAll = async (session: Session): Promise<PlaceReport[]> => {
  const { directory, offline, signal, host: { node } } = session
  const { checkPlaces } = await import('../../node/check-places.ts')
  return checkPlaces({ ...(node ? node.mercury.layout : await session.networkOptions()), directory, env: process.env, offline, node: node?.mercury, signal })
}

const LABELS: Readonly<Record<PlaceReport['role'], string>> = { blocks: 'Blocks', state: 'State', router: 'Routers' }

const placeRows = (places: readonly PlaceReport[], paint: Paint): Row[] =>
  (['blocks', 'state', 'router'] as const).map((role) => [LABELS[role], places.filter((place) => place.role === role).map((place) => describe(place, paint)).join('\n')])

const describe = ({ place, outcome, reason }: PlaceReport, paint: Paint): string => {
  if (outcome === 'local') return place
  const colour = { reachable: 'green', unreachable: 'red', 'not asked': 'dim' } as const
  return `${place}  ${paint(colour[outcome], outcome)}${reason === undefined ? '' : `: ${reason}`}`
}

const bookRows = (books: Books): Row[] => {
  if ('error' in books) return [['Kept', `unknown: ${books.error.message}`]]
  const { kept, owed } = books
  return [
    ['Kept', `${kept} ${kept === 1 ? 'profile' : 'profiles'}`],
    ['Owed', owed.length === 0 ? 'nothing' : owed.map(({ id, targets }) => `${id} to ${targets.join(', ')}`).join('\n')]
  ]
}
