import { MercuryError } from '../../errors.ts'
import { parseLink } from '../../identity/link.ts'
import { SECOND_MS } from '../../limits.ts'
import type { LocalIndex, QueryFilters } from '../../search.ts'
import type { Command } from '../command.ts'
import type { FlagTable } from '../flags.ts'
import { MisuseError } from '../misuse.ts'
import { oneLine } from '../printable.ts'
import { homeIndexes, namedIndexes } from '../search-sources.ts'
import { coverageLines, foundJson, foundLines } from '../search-text.ts'
import type { Session } from '../session.ts'

const DEFAULT_LIMIT = 10
const MAX_LIMIT = 100
/** The user waits at his own terminal, and blocks may come from the other end of the world. */
const TIMEOUT_MS = 20 * SECOND_MS
/** How long a search waits for an index that is being built. */
const BUILD_MS = 10 * SECOND_MS

const FLAGS = {
  tag: { type: 'string', value: 'TAG', multiple: true, summary: 'who has this tag; may be repeated, all of them count' },
  near: { type: 'string', value: 'LAT,LON,KM', summary: 'who says to be no further from there, as in 51.75,-1.25,20' },
  kind: { type: 'string', value: 'KIND', choices: ['persona', 'home', 'application'], summary: 'only this kind of profile' },
  lang: { type: 'string', value: 'LANG', summary: 'who writes in this language; en finds en-GB too' },
  limit: { type: 'string', value: 'N', summary: `at most so many, up to ${MAX_LIMIT}; ${DEFAULT_LIMIT} by default` },
  after: { type: 'string', value: 'CURSOR', summary: 'the next page, as the one before told it' },
  index: { type: 'string', value: 'NAME', multiple: true, summary: 'ask this index, by its name or by the ID or link of the home that publishes it; may be repeated' },
  without: { type: 'string', value: 'HOME', multiple: true, summary: 'leave out who lives at this home, as where it makes profiles up; may be repeated' },
  facets: { type: 'boolean', summary: 'count tags, kinds and languages of what was found on this device' },
  explain: { type: 'boolean', summary: 'say why each hit stands where it does, and what the search cost' }
} as const satisfies FlagTable

export const search: Command = {
  name: 'search',
  usage: '[QUERY]',
  summary: 'find profiles by name, tag, place or kind',
  details: `Without --index it looks through what this device keeps, and asks the indexes of the homes where its persona lives; with --index, those alone. Every hit was signed by its owner and matches; an index can hide profiles, so ask several.

A query is words: a whole name, half of it, a slip of the keyboard, without accents, in any order. Whoever wants to be found says listed: true in the profile.`,
  flags: FLAGS,
  words: [0, 16],
  examples: [
    { line: 'mercury search alice lidd', explains: 'half a name is enough' },
    { line: 'mercury search --tag chess --near 51.75,-1.25,20', explains: 'who plays chess near Oxford' },
    { line: 'mercury search alice --index k51qzi5uqu5d…', explains: 'in the index of somebody else' },
    { line: 'mercury search alice --explain', explains: 'and why in this order' }
  ],
  place: 'directory',
  async run (session) {
    const { flags, output, signal } = session
    const text = session.words.join(' ')
    const { searchIndexes, localSource, parseNear, parseQuery } = await import('../../search.ts')
    const filters = readFilters(session, parseNear)
    // What makes no sense is told before anything is opened.
    parseQuery(text, filters)
    const limit = readLimit(flags.text('limit'))
    const cursor = flags.text('after')
    const names = flags.texts('index')
    const excludeHomes = (flags.texts('without') ?? []).map((home) => parseLink(home).id)
    if (flags.has('facets') && names) throw new MisuseError('--facets counts what is on this device alone; leave --index out')
    const mercury = await session.open()
    if (!names) await completeIndex(mercury.index, session)
    await output.progress('searching …')
    const sources = names ? await namedIndexes(names, mercury, session) : [localSource(mercury.index), ...(session.offline ? [] : await homeIndexes(mercury, session))]
    const answer = await searchIndexes(sources, text, { ...filters, limit, timeoutMs: TIMEOUT_MS, signal, excludeHomes, ...(cursor === undefined ? {} : { cursor }) })
    const facets = flags.has('facets') ? (await mercury.index.search(text, { ...filters, limit: 1, facets: true, signal })).facets : undefined
    // Also where it turned out to be damaged.
    if (!names && (await mercury.index.status({ signal })).rebuilding) await output.warn('REBUILDING', 'the index of this device is still being built, and goes on with the next search; profiles may be missing')
    const { sources: asked } = answer.coverage
    if (names && answer.hits.length === 0 && asked.every(({ state }) => state === 'failed' || state === 'late')) throw new MercuryError(asked[0]!.error?.code ?? 'UNREACHABLE', `no index answered; ${asked.map(({ name, error }) => `${name}: ${error?.reason ?? 'it was late'}`).join('; ')}`)
    const explain = flags.has('explain')
    for (const line of session.json ? [] : coverageLines(answer, { explain })) await output.note(line)
    await output.answer(foundJson(answer, { facets, explain }), foundLines(answer, { facets, explain, command: commandOf(session), paint: output.paint }))
  }
}

/** Builds what the index of this device lacks, as long as nobody gets impatient. */
const completeIndex = async (index: LocalIndex, { output, signal }: Session): Promise<void> => {
  if (!(await index.status({ signal })).rebuilding) return
  await output.progress('indexing what this device keeps …')
  const enough = AbortSignal.timeout(BUILD_MS)
  await index.refresh({ signal: AbortSignal.any([signal, enough]) }).catch((error: unknown) => {
    if (!enough.aborted) throw error
  })
}

const readFilters = ({ flags }: Session, parseNear: (text: string) => QueryFilters['near']): QueryFilters => {
  const [tags, near, kind, lang] = [flags.texts('tag'), flags.text('near'), flags.text('kind'), flags.text('lang')]
  return { ...(tags ? { tags } : {}), ...(near === undefined ? {} : { near: parseNear(near) }), ...(kind === undefined ? {} : { kind }), ...(lang === undefined ? {} : { lang }) }
}

const readLimit = (text = String(DEFAULT_LIMIT)): number => {
  if (!/^[1-9]\d{0,2}$/.test(text) || Number(text) > MAX_LIMIT) throw new MisuseError(`--limit is a whole number from 1 to ${MAX_LIMIT}`)
  return Number(text)
}

/** What was typed, for the command that shows the next page. What cannot be shown only parts words, and a space keeps a dash from being an option. */
const commandOf = ({ words, flags }: Session): string => {
  const quoted = (text: string): string => {
    const word = oneLine(text)
    return /^[\w.,][\w.,-]*$/.test(word) ? word : `'${(word.startsWith('-') ? ` ${word}` : word).replaceAll("'", String.raw`'\''`)}'`
  }
  const options = ['tag', 'near', 'kind', 'lang', 'limit', 'index', 'without'].flatMap((name) => (flags.texts(name) ?? []).map((value) => `--${name}=${quoted(value)}`))
  return ['mercury search', ...words.map(quoted), ...options].join(' ')
}
