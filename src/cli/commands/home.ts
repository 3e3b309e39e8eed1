import { isPrivateHost } from '../../adapters/private-address.ts'
import { MercuryError } from '../../errors.ts'
import type { HostedProfile, HomeOperator } from '../../home.ts'
import { urlOfAddress } from '../../hosting/home-address.ts'
import { parseHomeLink } from '../../hosting/invitation.ts'
import { parseLink } from '../../identity/link.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { hasHomeKeys } from '../../node/home-keys.ts'
import type { Command } from '../command.ts'
import type { FlagTable } from '../flags.ts'
import { homeOptions } from '../home-options.ts'
import { MisuseError, suggest } from '../misuse.ts'
import { table, type Row } from '../output.ts'
import { oneLine } from '../printable.ts'
import { qrLines } from '../qr-code.ts'
import { shorter } from '../serve-start.ts'
import type { Session } from '../session.ts'
import { formatSize, parseSize, wholeNumber } from '../settings/form.ts'

type Operator = HomeOperator & { readonly id: ProfileId }

interface Action {
  /** After its name. */
  readonly usage: string
  /** How many words may follow its name. */
  readonly words: readonly [min: number, max: number]
  readonly flags?: readonly string[]
  run(session: Session, operator: Operator, ...words: string[]): Promise<void>
}

const STATES = ['offered', 'active', 'ended', 'banned'] as const
const MAX_USES = 1_000
const MAX_DAYS = 366
const MAX_LIMIT = 1_000

const FLAGS = {
  uses: { type: 'string', value: 'N', summary: `of invite: how many may join with it, up to ${MAX_USES}; 1 by default` },
  days: { type: 'string', value: 'D', summary: `of invite: how long it is good, up to ${MAX_DAYS}; 7 by default` },
  state: { type: 'string', value: 'STATE', choices: STATES, summary: 'of list: only these' },
  after: { type: 'string', value: 'ID', summary: 'of list: go on after this one' },
  limit: { type: 'string', value: 'N', summary: `of list: at most so many, up to ${MAX_LIMIT}; 100 by default` },
  reason: { type: 'string', value: 'TEXT', summary: 'of ban: why, for your own eyes' }
} as const satisfies FlagTable

export const home: Command = {
  name: 'home',
  usage: 'invite|list|ban ID|unban ID|quota ID SIZE|stats',
  summary: 'look after the home of this directory, and whom it hosts',
  details: `It is the home that mercury serve runs here, while it runs or not.

invite prints one link, which whoever is invited gives to mercury join. list shows who is hosted, in the order of their IDs. ban ends an agreement and stops serving the profile at once; it cannot take it away elsewhere. quota says how much one profile may keep here, as 64MiB or 1GB; default takes that back.`,
  flags: FLAGS,
  words: [1, 3],
  completes: ['invite', 'list', 'ban', 'unban', 'quota', 'stats'],
  examples: [
    { line: 'mercury home invite', explains: 'for one person, good for a week' },
    { line: 'mercury home invite --uses 20 --days 2', explains: 'for a party' },
    { line: 'mercury home list --state active', explains: 'who lives here' },
    { line: 'mercury home ban k51qzi5uqu5d… --reason spam', explains: 'out, and not back in' },
    { line: 'mercury home quota k51qzi5uqu5d… 1GB', explains: 'more room for one' }
  ],
  place: 'directory',
  async run (session) {
    const [name, ...words] = session.words as [string, ...string[]]
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name]! : undefined
    if (!action) throw new MisuseError(`there is no mercury home ${name}${suggest(name, Object.keys(ACTIONS)) || `; there are ${Object.keys(ACTIONS).join(', ')}`}`)
    const [min, max] = action.words
    if (words.length < min) throw new MisuseError(`something is missing: the command is mercury home ${name} ${action.usage}`)
    if (words.length > max) throw new MisuseError(`${JSON.stringify(words[max])} is one word too many: the command is mercury home ${name} ${action.usage}`.trimEnd())
    const foreign = Object.keys(FLAGS).find((flag) => session.flags.has(flag) && !action.flags?.includes(flag))
    if (foreign !== undefined) throw new MisuseError(`--${foreign} is not for mercury home ${name}${action.flags ? `; it takes ${action.flags.map((flag) => `--${flag}`).join(', ')}` : ''}`)
    await action.run(session, await openOperatorOf(session), ...words)
  }
}

const invite = async (session: Session, operator: Operator): Promise<void> => {
  const { output, host } = session
  const options = { ...count(session, 'uses', MAX_USES), ...count(session, 'days', MAX_DAYS) }
  const { link, voucher, expiresAt, uses } = await operator.invite(options)
  const { addresses } = parseHomeLink(link)
  const urls = addresses.flatMap((address) => urlOfAddress(address) ?? [])
  if (urls.length === 0) await output.warn('NO_ADDRESS', 'the link does not say where the home is, which has no HTTP or never ran; start it with mercury serve, and invite again')
  else if (urls.every((url) => isPrivateHost(new URL(url).hostname))) await output.warn('PRIVATE_ADDRESS', 'the link leads to an address of this machine or its network alone; for others, start the home with --public-url and invite again')
  const code = qrLines([link, ...shorter(operator.id, addresses, voucher)], host.stdout)
  await output.answer({ home: operator.id, link, voucher, uses, expiresAt }, [
    link,
    '',
    ...(code.length > 0 ? [...code, ''] : []),
    `Good for ${uses === 1 ? 'one person' : `${uses} people`}, until ${expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC. Whoever has it joins with: mercury join 'LINK'`
  ])
}

const list = async (session: Session, operator: Operator): Promise<void> => {
  const { flags, output } = session
  const after = flags.text('after')
  const page = await operator.list({
    state: flags.text('state') as (typeof STATES)[number] | undefined,
    ...(after === undefined ? {} : { after: parseLink(after).id }),
    ...count(session, 'limit', MAX_LIMIT)
  })
  await output.answer(page, [
    ...(page.profiles.length === 0 ? ['Nobody.'] : page.profiles.map((profile) => `${profile.id}  ${describe(profile)}`)),
    ...(page.next === undefined ? [] : ['', `More: mercury home list${flags.has('state') ? ` --state ${flags.text('state')}` : ''} --after ${page.next}`])
  ])
}

const describe = ({ state, since, until, endedAt, quotaBytes, usedBytes, reason }: HostedProfile): string => [
  state.padEnd(7),
  since && `since ${day(since)}`,
  endedAt && `until ${day(endedAt)}`,
  !endedAt && until && `to ${day(until)}`,
  usedBytes !== undefined && quotaBytes !== undefined && `${formatSize(usedBytes)} of ${formatSize(quotaBytes)}`,
  reason && oneLine(reason)
].filter(Boolean).join('  ')

const day = (date: Date): string => date.toISOString().slice(0, 10)

const ban = async (session: Session, operator: Operator, name: string): Promise<void> => {
  const { id } = parseLink(name)
  if (id === operator.id) throw new MercuryError('INVALID_ARGUMENT', 'that is the home itself; give the ID of a profile')
  await operator.ban(id, session.flags.text('reason'))
  await session.output.answer({ id, banned: true }, [`${session.output.paint('cyan', id)} is banned: nothing of it is served here any more.`])
}

const unban = async ({ output }: Session, operator: Operator, name: string): Promise<void> => {
  const { id } = parseLink(name)
  const wasBanned = await operator.unban(id)
  await output.answer({ id, banned: false, wasBanned }, [wasBanned ? `${output.paint('cyan', id)} may join again.` : `${output.paint('cyan', id)} was not banned.`])
}

const quota = async ({ output }: Session, operator: Operator, name: string, text: string): Promise<void> => {
  const { id } = parseLink(name)
  const bytes = text === 'default' ? undefined : parseSize(text)
  if (bytes === undefined && text !== 'default') throw new MisuseError(`${JSON.stringify(text)} is no size; write it as 64MiB, 1GB or 1000000, or default`)
  await operator.quota(id, bytes)
  await output.answer({ id, quotaBytes: bytes ?? null }, [`${output.paint('cyan', id)} may keep ${bytes === undefined ? 'what the home\'s own setting says' : formatSize(bytes)} here.`])
}

const stats = async ({ output, host: { node } }: Session, operator: Operator): Promise<void> => {
  const answer = await operator.stats()
  const { hosted, maxProfiles, policy } = answer
  const rows: Row[] = [
    ['Home', output.paint('cyan', operator.id)],
    ['Runs', node ? node.home.url ?? 'without HTTP' : 'no; start it with mercury serve'],
    ['Hosts', `${hosted} of at most ${maxProfiles}`],
    ['Policy', policy]
  ]
  await output.answer({ home: operator.id, running: node !== undefined, ...answer }, table(rows, output.paint))
}

const ACTIONS: Readonly<Record<string, Action>> = {
  invite: { usage: '[--uses N] [--days D]', words: [0, 0], flags: ['uses', 'days'], run: invite },
  list: { usage: '[--state STATE] [--after ID] [--limit N]', words: [0, 0], flags: ['state', 'after', 'limit'], run: list },
  ban: { usage: 'ID [--reason TEXT]', words: [1, 1], flags: ['reason'], run: ban },
  unban: { usage: 'ID', words: [1, 1], run: unban },
  quota: { usage: 'ID SIZE', words: [2, 2], run: quota },
  stats: { usage: '', words: [0, 0], run: stats }
}

/** The book of the home that runs, or of the directory where none does. */
const openOperatorOf = async (session: Session): Promise<Operator> => {
  if (session.host.node) return session.host.node.home
  if (!(await hasHomeKeys(session.directory))) throw new MercuryError('NO_HOME_HERE', `there is no home in ${session.directory}; start one with mercury serve, or give its --directory`)
  const { openOperator } = await import('../../home.ts')
  const { http: _, ...options } = await homeOptions(session)
  return session.keep(await openOperator({ ...options, mercury: await session.open({ local: true }) }))
}

const count = <Name extends string>({ flags }: Session, name: Name, max: number): { [N in Name]?: number } => {
  const text = flags.text(name)
  if (text === undefined) return {}
  const form = wholeNumber(max)
  const value = form.read([text], '')
  if (value === undefined) throw new MisuseError(`--${name} is ${form.says}; got ${JSON.stringify(text)}`)
  return { [name]: value } as { [N in Name]?: number }
}
