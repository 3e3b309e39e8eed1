import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { createGatewayStore } from '../../src/adapters/gateway.ts'
import { parseProfileId } from '../../src/index.ts'
import { createBlockCache, highlightsOf, openIndex, publishedSource, searchIndexes, type FederatedHit } from '../../src/search.ts'

/** A page that searches an index by itself: `?gateway=https://home.example&index=k51…`, the index as often as you like. */
const parameters = new URLSearchParams(location.search)
const gateway = parameters.get('gateway') ?? location.origin
const routers = [createDelegatedRouter({ url: gateway, allowPrivate: true })]
const blocks = createGatewayStore({ urls: [gateway], allowPrivate: true })
const cache = createBlockCache()
const sources = parameters.getAll('index').map((text) => {
  const name = parseProfileId(text)
  // Found once; whoever types on asks it for blocks alone.
  const index = openIndex(name, { routers, blocks, cache })
  return publishedSource(name, () => index)
})

const [form, hits, report] = [document.querySelector('form')!, document.querySelector('#hits')!, document.querySelector('#report')!]
let last = 0

const search = async (text: string): Promise<void> => {
  const turn = ++last
  try {
    const answer = await searchIndexes(sources, text, { timeoutMs: 10_000 })
    if (turn !== last) return
    hits.replaceChildren(...answer.hits.map(show))
    report.textContent = answer.coverage.sources.map(({ name, state, documents, work, error }) => `${name.slice(0, 12)}… ${state}${error ? `: ${error.reason}` : ''}, ${documents ?? 0} profiles; ${work.blocks} blocks, ${work.bytes} bytes, ${work.rounds} rounds`).join('\n')
  } catch (error) {
    hits.replaceChildren()
    report.textContent = (error as Error).message
  }
}

/** Strangers wrote it: it goes in as text. */
const show = ({ id, document: profile, match, rank }: FederatedHit): HTMLElement => {
  const item = document.createElement('li')
  const name = document.createElement('strong')
  const text = typeof profile.attrs.name === 'string' ? profile.attrs.name : id
  let at = 0
  for (const { start, end } of highlightsOf(match, profile).filter(({ attribute }) => attribute === 'name')) {
    const marked = document.createElement('mark')
    marked.append(text.slice(start, end))
    name.append(text.slice(at, start), marked)
    at = end
  }
  name.append(text.slice(at))
  const code = document.createElement('code')
  code.append(id)
  item.append(name, ` ${rank.class} `, document.createElement('br'), code)
  return item
}

form.addEventListener('input', () => void search(form.q.value))
form.addEventListener('submit', (event) => event.preventDefault())
const asked = parameters.get('q')
if (asked !== null) {
  form.q.value = asked
  await search(asked)
}
