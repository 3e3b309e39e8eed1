import { formatLink } from '../identity/link.ts'
import { viewProfile } from '../profile/view.ts'
import type { Hit } from '../search/engine/search-answer.ts'
import { highlightsOf, type Highlight } from '../search/query/highlight.ts'
import { MAX_QUERY_BYTES } from '../search/query/query.ts'
import { escapeHtml } from './html-text.ts'

/** What was looked for on the page, and what came of it; nothing yet where all is absent. */
export interface PageSearch {
  readonly text?: string
  readonly hits?: readonly Hit[]
  /** Of the next page. */
  readonly cursor?: string
  /** Hits may be missing. */
  readonly rebuilding?: boolean
  /** Why it could not be looked for, as a sentence. */
  readonly refused?: string
}

/** Characters of a bio before and after what was found in it. */
const EXCERPT = 80

/** The form and, under it, the hits. */
export const renderSearch = ({ text = '', hits, cursor, rebuilding, refused }: PageSearch): string => `<section aria-labelledby="search">
<h2 id="search">Who lives here</h2>
<form role="search" action="/" method="get">
<label for="q">Name, tag or place of a profile that its owner lets others find</label>
<input id="q" name="q" type="search" value="${escapeHtml(text)}" maxlength="${MAX_QUERY_BYTES}" autocomplete="off" spellcheck="false" required>
<button>Search</button>
</form>
${refused === undefined ? '' : `<p role="status">${escapeHtml(refused)}</p>\n`}${hits === undefined ? '' : found(text, hits, cursor)}${rebuilding ? '<p>The index is being built anew: profiles may be missing.</p>\n' : ''}</section>
`

const found = (text: string, hits: readonly Hit[], cursor: string | undefined): string => (hits.length === 0
  ? '<p role="status">Nobody here is found by that.</p>\n'
  : `<ol class="hits">
${hits.map(hitItem).join('')}</ol>
${cursor === undefined ? '' : `<p><a rel="next" href="${escapeHtml(`/?${new URLSearchParams({ q: text, cursor }).toString()}`)}">More</a></p>\n`}`)

const hitItem = ({ id, document, match }: Hit): string => {
  const { name, tags, bio, kind } = viewProfile(document)
  const { place } = document.attrs
  const highlights = highlightsOf(match, document)
  const of = (attribute: Highlight['attribute'], item?: number): Highlight[] => highlights.filter((each) => each.attribute === attribute && each.item === item)
  const details = [
    ...(kind === 'persona' ? [] : [isolated(kind, [])]),
    ...tags.map((tag, i) => `#${isolated(tag, of('tags', i))}`),
    ...(typeof place === 'string' ? [isolated(place, of('place'))] : [])
  ]
  return `<li>
<p class="name">${name === undefined ? '(no name)' : isolated(name, of('name'))}</p>
${details.length === 0 ? '' : `<p class="more">${details.join(' ')}</p>\n`}${bio === undefined ? '' : `<p class="more">${excerpt(bio, of('bio'))}</p>\n`}<p><a href="${escapeHtml(formatLink({ id }))}"><code>${escapeHtml(id)}</code></a></p>
</li>
`
}

/** `text` with what was found in it marked; whatever direction it is written in ends with it. */
const isolated = (text: string, highlights: readonly Highlight[]): string => {
  let shown = ''
  let at = 0
  for (const { start, end } of highlights) {
    shown += `${escapeHtml(text.slice(at, start))}<mark>${escapeHtml(text.slice(start, end))}</mark>`
    at = end
  }
  return `<bdi>${shown}${escapeHtml(text.slice(at))}</bdi>`
}

/** As much of `bio` as is around what was found first. */
const excerpt = (bio: string, highlights: readonly Highlight[]): string => {
  const [first] = highlights
  const from = boundary(bio, Math.max(0, (first?.start ?? 0) - EXCERPT))
  const to = boundary(bio, Math.min(bio.length, (first?.end ?? EXCERPT) + EXCERPT))
  const inside = highlights.filter(({ start, end }) => start >= from && end <= to).map((each) => ({ ...each, start: each.start - from, end: each.end - from }))
  return `${from > 0 ? '…' : ''}${isolated(bio.slice(from, to), inside)}${to < bio.length ? '…' : ''}`
}

/** Where two characters meet at `offset`: not in the middle of a pair of surrogates. */
const boundary = (text: string, offset: number): number => (/[\uDC00-\uDFFF]/.test(text.charAt(offset)) && /[\uD800-\uDBFF]/.test(text.charAt(offset - 1)) ? offset - 1 : offset)
