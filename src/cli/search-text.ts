import { viewProfile } from '../profile/view.ts'
import { falseHits, highlightsOf, type Facets, type FederatedAnswer, type FederatedHit, type Highlight } from '../search.ts'
import { MINUTE_MS, SECOND_MS } from '../limits.ts'
import type { Paint } from './output.ts'
import { counted, oneLine } from './printable.ts'

const CLASS_TEXT: Readonly<Record<FederatedHit['rank']['class'], string>> = {
  'exact-name': 'the whole name',
  name: 'words of the name',
  'name-prefix': 'the beginning of the name',
  nickname: 'a short form of the name',
  anywhere: 'name, tags and place',
  bio: 'the bio',
  'exact-typo': 'the whole name but for a slip',
  typo: 'words of the name but for a slip'
}

/** Characters of a bio around what was found. */
const EXCERPT = 60

interface Shown {
  readonly facets?: Facets | undefined
  readonly explain: boolean
}

export const foundJson = ({ hits, cursor, coverage }: FederatedAnswer, { facets, explain }: Shown) => ({
  hits: hits.map(({ id, cid, document, rank, match, sources, home, resembles }) => {
    const { name, tags, bio, location, lang } = viewProfile(document)
    return {
      id, cid, sequence: document.seq, kind: document.kind, name, tags, bio, location, lang,
      class: rank.class,
      highlights: highlightsOf(match, document),
      ...(match.distanceMetres === undefined ? {} : { distanceMetres: Math.round(match.distanceMetres) }),
      ...(home === undefined ? {} : { home }),
      ...(resembles === undefined ? {} : { resembles }),
      sources,
      ...(explain ? { explanation: { words: match.words, quality: rank.quality, digest: rank.digest } } : {})
    }
  }),
  ...(cursor === undefined ? {} : { cursor }),
  coverage,
  ...(facets ? { facets } : {})
})

export const foundLines = ({ hits, cursor }: FederatedAnswer, { facets, explain, command, paint }: Shown & { command: string; paint: Paint }): string[] => [
  ...(hits.length === 0 ? ['Nobody.'] : hits.flatMap((hit, i) => [...(i > 0 ? [''] : []), ...hitLines(hit, { explain, paint })])),
  ...(facets ? ['', ...facetLines(facets, paint)] : []),
  ...(cursor === undefined ? [] : ['', `More: ${command} --after ${cursor}`])
]

const hitLines = ({ id, document, rank, match, sources, home, resembles }: FederatedHit, { explain, paint }: { explain: boolean; paint: Paint }): string[] => {
  const { name, tags, bio, kind } = viewProfile(document)
  const highlights = highlightsOf(match, document)
  const of = (attribute: Highlight['attribute'], item?: number): Highlight[] => highlights.filter((each) => each.attribute === attribute && each.item === item)
  const { place } = document.attrs
  const details = [
    ...tags.map((tag, i) => `#${marked(tag, of('tags', i), paint)}`),
    ...(typeof place === 'string' ? [marked(place, of('place'), paint)] : []),
    ...(match.distanceMetres === undefined ? [] : [distance(match.distanceMetres)])
  ]
  const excerpt = bio === undefined ? undefined : excerptOf(bio, of('bio'))
  return [
    `${name === undefined ? '(no name)' : marked(name, of('name'), (colour, text) => paint('bold', paint(colour === 'bold' ? 'yellow' : colour, text)))}${kind === 'persona' ? '' : paint('dim', `  ${oneLine(kind)}`)}${resembles === undefined ? '' : paint('red', `  not your contact ${resembles}`)}`,
    `  ${paint('cyan', id)}`,
    ...(details.length === 0 ? [] : [`  ${details.join('  ')}`]),
    ...(excerpt === undefined ? [] : [`  ${paint('dim', excerpt)}`]),
    ...(explain ? explanation({ rank, match, sources, home }, paint) : [])
  ]
}

const explanation = ({ rank, match, sources, home }: Pick<FederatedHit, 'rank' | 'match' | 'sources' | 'home'>, paint: Paint): string[] => [
  `  ${paint('dim', `matches by ${CLASS_TEXT[rank.class]} (${rank.class})${match.words.map(({ word, how, field, matched }) => `; ${oneLine(word)}: ${how === 'exact' ? `in ${field}` : `${how} of ${oneLine(matched)} in ${field}`}`).join('')}`)}`,
  `  ${paint('dim', `then by quality ${rank.quality} of 255, then by document ${hex(rank.digest)}; from ${sources.join(', ')}${home === undefined ? '; no home has signed for it' : `; lives at ${home}`}`)}`
]

const hex = (digest: Uint8Array): string => `${Array.from(digest.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join('')}…`

/** `text` on one line with the stretches that were matched marked; strangers wrote it. */
const marked = (text: string, highlights: readonly Highlight[], paint: Paint): string => {
  let shown = ''
  let at = 0
  for (const { start, end } of highlights) {
    shown += printableRun(text.slice(at, start)) + paint('bold', printableRun(text.slice(start, end)))
    at = end
  }
  return shown + printableRun(text.slice(at))
}

/** As `oneLine`, but for the spaces at its ends. */
const printableRun = (text: string): string => {
  const inner = oneLine(text)
  if (inner === '') return text === '' ? '' : ' '
  return `${/^\s/.test(text) ? ' ' : ''}${inner}${/\s$/.test(text) ? ' ' : ''}`
}

const excerptOf = (bio: string, [first]: readonly Highlight[]): string => {
  const start = Math.max(0, (first?.start ?? 0) - EXCERPT)
  const end = Math.min(bio.length, (first?.end ?? 0) + EXCERPT)
  return `${start > 0 ? '…' : ''}${oneLine(bio.slice(start, end).toWellFormed())}${end < bio.length ? '…' : ''}`
}

const distance = (metres: number): string => (metres < 1_000 ? `${Math.round(metres)} m away` : `${(metres / 1_000).toFixed(metres < 10_000 ? 1 : 0)} km away`)

const facetLines = ({ tags, kinds, langs, atLeast }: Facets, paint: Paint): string[] =>
  ([['Tags', tags], ['Kinds', kinds], ['Languages', langs]] as const)
    .filter(([, counts]) => counts.length > 0)
    .map(([label, counts]) => `${paint('dim', `${label}:`)} ${counts.map(({ value, count }) => `${oneLine(value)} ${count}`).join(', ')}${atLeast ? ', and more' : ''}`)

/** Who was asked and what came of it: always where an index failed, and all of it on request. */
export const coverageLines = ({ coverage, hits }: FederatedAnswer, { explain }: { explain: boolean }, now = Date.now()): string[] => [
  ...coverage.sources.flatMap(({ name, state, hits, documents, madeAt, error, work, dropped }) => {
    const failed = state === 'answered' ? '' : state === 'late' ? ' was late' : state === 'dropped' ? ' offers false hits and was asked no more' : ` failed: ${oneLine(error?.reason ?? 'no reason given')}`
    const untrue = falseHits(dropped)
    const counts = [`${hits} of these hits`, ...(documents === undefined ? [] : [counted(documents, 'profile')]), ...(madeAt === undefined ? [] : [`made ${age(now - madeAt)} ago`]), ...(untrue > 0 ? [`${counted(untrue, 'false hit')} left out`] : []), ...(dropped.stale > 0 ? [`${dropped.stale} outdated left out`] : []), ...(dropped.unavailable > 0 ? [`${dropped.unavailable} without their document`] : [])]
    const cost = explain ? `; ${counted(work.rounds, 'round')}, ${counted(work.blocks, 'block')}, ${counted(work.bytes, 'byte')}` : ''
    return failed !== '' || untrue > 0 || explain ? [`${name}${failed}; ${counts.join(', ')}${cost}`] : []
  }),
  ...(explain && coverage.homes.length > 0 ? [`Looked at: ${coverage.homes.slice(0, 5).map(({ home, hits }) => `${hits} ${home === undefined ? 'of no home' : `of ${home}`}`).join(', ')}${coverage.homes.length > 5 ? ', …' : ''}; --without HOME leaves out who lives there`] : []),
  ...(explain ? ['What is shown is authentic and matches; that nobody hides anything cannot be proven.'] : []),
  ...(hits.length === 0 && coverage.sources.every(({ name }) => name === 'local') ? ['Looked through what this device keeps; ask others with --index NAME. Profiles are found whose owners say listed: true.'] : [])
]

const age = (ms: number): string => (ms < MINUTE_MS ? `${Math.max(0, Math.round(ms / SECOND_MS))} s` : ms < 60 * MINUTE_MS ? `${Math.round(ms / MINUTE_MS)} min` : ms < 48 * 60 * MINUTE_MS ? `${Math.round(ms / (60 * MINUTE_MS))} h` : `${Math.round(ms / (24 * 60 * MINUTE_MS))} days`)
