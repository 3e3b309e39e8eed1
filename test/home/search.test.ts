import { afterEach, describe, expect, it } from 'vitest'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { createGatewayStore } from '../../src/adapters/gateway.ts'
import { decodeSearchAnswer, type HomeSearchAnswer } from '../../src/hosting/search-answer.ts'
import { createHashStore, createLocalRouter, createMemoryStore, createRecord, signDocument, validateRecord, verifyDocument, type HomeEntry, type Signer } from '../../src/index.ts'
import { storedDocument } from '../../src/home/books/served-profiles.ts'
import { searchHome } from '../../src/home/searched.ts'
import { peekDocument } from '../../src/naming/record.ts'
import { decodeProfileId } from '../../src/identity/profile-id.ts'
import { openIndex, searchIndexes, publishedSource } from '../../src/search.ts'
import { signerOf } from '../client/world.ts'
import { openHome, requestOf, type RunningHome } from './running-home.ts'
import { openValidatedFetch } from './validated-fetch.ts'

let home: RunningHome | undefined
afterEach(async () => {
  await home?.close()
  home = undefined
})

const open = async (options: Parameters<typeof openHome>[0] = {}): Promise<RunningHome> => (home = await openHome({ settings: { policy: 'open' }, passMs: 25, indexMs: 1, indexSigner: await signerOf(90), ...options }))

/** Publishes at the home a listed profile that lives there. */
const move = async (running: RunningHome, persona: Signer, attributes: Record<string, unknown>, seq?: number): Promise<void> => {
  const { acceptance } = await running.client.agree(requestOf(persona), running.home.id, persona)
  await publish(running, persona, attributes, { homes: [acceptance], ...(seq === undefined ? {} : { seq }) })
}

const publish = async ({ client }: RunningHome, persona: Signer, attributes: Record<string, unknown>, { seq = Math.floor(Date.now() / 1_000), homes = [], gone = false }: { seq?: number; homes?: readonly HomeEntry[]; gone?: boolean }): Promise<void> => {
  const signed = await signDocument(gone ? {} : { listed: true, ...attributes }, persona, { seq, prev: null, time: Math.floor(Date.now() / 1_000) }, { gone, fields: gone ? {} : { homes: homes as never } })
  await client.putRecord(persona.id, await createRecord(signed, persona))
}

const search = async ({ url }: RunningHome, query: string): Promise<HomeSearchAnswer> => {
  const response = await fetch(`${url}search/v1?${query}`)
  expect(response.status).toBe(200)
  return decodeSearchAnswer(new Uint8Array(await response.arrayBuffer()))
}

const namesIn = async (answer: HomeSearchAnswer): Promise<unknown[]> => {
  const names: unknown[] = []
  for (const { record, document } of answer.hits) {
    const inline = document ?? peekDocument(record)!
    const verified = await verifyDocument(inline, { id: 'any' })
    expect((await validateRecord(verified.id, record)).cid.equals(verified.cid)).toBe(true)
    names.push(verified.document.attrs.name)
  }
  return names
}

/** Until it holds; what a home does in the background takes a few passes. */
const eventually = async (look: () => Promise<void>): Promise<void> => {
  for (let left = 400; ; left--) {
    try {
      return await look()
    } catch (error) {
      if (left === 0) throw error
      await new Promise((resolve) => { setTimeout(resolve, 25) })
    }
  }
}

it('finds whom it hosts over HTTP, with record and document, as soon as they are published', async () => {
  const running = await open()
  await move(running, await signerOf(2), { name: 'Ada Lovelace', tags: ['maths'], location: { lat: 51.75, lon: -1.25, precision: 1_000 } })
  await move(running, await signerOf(3), { name: 'Adam Smith', tags: ['economy'] })
  const answer = await search(running, 'q=ada')
  expect(await namesIn(answer)).toEqual(['Ada Lovelace', 'Adam Smith'])
  expect(answer.hits.map((hit) => hit.class)).toEqual(['name', 'name-prefix'])
  expect(answer.documents).toBeGreaterThanOrEqual(0)
  expect(await namesIn(await search(running, 'q=ada&tag=economy'))).toEqual(['Adam Smith'])
  expect(await namesIn(await search(running, 'near=51.7,-1.3,20'))).toEqual(['Ada Lovelace'])
  const first = await search(running, 'q=ada&limit=1')
  expect(await namesIn(await search(running, `q=ada&limit=1&cursor=${first.cursor!}`))).toEqual(['Adam Smith'])
})

it('does not find whom it bans or who is gone, at once, and finds again whom it takes back', async () => {
  const running = await open()
  const [ada, bob] = [await signerOf(2), await signerOf(3)]
  await move(running, ada, { name: 'Ada Lovelace' })
  await move(running, bob, { name: 'Ada Byron' })
  // In the index, and not among the changes that are looked through one by one.
  await eventually(async () => expect((await search(running, 'q=ada')).documents).toBe(2))
  expect((await search(running, 'q=ada')).hits.length).toBe(2)
  await running.home.ban(ada.id, 'spam')
  expect(await namesIn(await search(running, 'q=ada'))).toEqual(['Ada Byron'])
  await publish(running, bob, {}, { seq: Math.floor(Date.now() / 1_000) + 9, gone: true })
  expect((await search(running, 'q=ada')).hits).toEqual([])
  await running.home.unban(ada.id)
  expect((await search(running, 'q=ada')).hits).toEqual([])
  await move(running, ada, { name: 'Ada Lovelace' }, Math.floor(Date.now() / 1_000) + 9)
  expect(await namesIn(await search(running, 'q=ada'))).toEqual(['Ada Lovelace'])
})

it.each([
  ['told the home so', async (running: RunningHome, persona: Signer) => running.client.end(persona)],
  ['published that he lives nowhere', async (running: RunningHome, persona: Signer) => publish(running, persona, { name: 'Ada Lovelace' }, { seq: Math.floor(Date.now() / 1_000) + 9 })]
])('does not find who has %s, from then on, though his record is handed out for a while', async (_, leave) => {
  const running = await open()
  const ada = await signerOf(2)
  await move(running, ada, { name: 'Ada Lovelace' })
  await eventually(async () => expect((await search(running, 'q=ada')).documents).toBe(1))
  expect(await namesIn(await search(running, 'q=ada'))).toEqual(['Ada Lovelace'])
  await leave(running, ada)
  expect((await search(running, 'q=ada')).hits).toEqual([])
  expect(await running.client.record(ada.id)).toBeDefined()
  await eventually(async () => expect((await search(running, 'q=ada')).documents).toBe(0))
})

it('does not find what it looked up for itself', async () => {
  const router = createLocalRouter(createMemoryStore())
  const running = await open({ profilesOptions: { routers: [router] } })
  const stranger = await signerOf(7)
  const signed = await signDocument({ name: 'Ada Stranger', listed: true }, stranger, { seq: 1, prev: null, time: 1_790_000_000 })
  await router.put(stranger.id, await createRecord(signed, stranger))
  await running.profiles.resolve(stranger.id)
  expect(await running.state.get(`record/${stranger.id}`)).toBeDefined()
  expect((await search(running, 'q=ada')).hits).toEqual([])
})

it('publishes its index on its own: whoever has never seen it finds it through the home’s profile, and reads it over its gateway', async () => {
  const running = await open()
  await move(running, await signerOf(2), { name: 'Ada Lovelace' })
  const routers = [createDelegatedRouter({ url: running.url, allowPrivate: true })]
  const blocks = createGatewayStore({ urls: [running.url], allowPrivate: true })
  await eventually(async () => {
    const document = (await storedDocument(running.home.id, running.profiles))!
    const name = decodeProfileId(document.index!)
    expect(name).toBe((await signerOf(90)).id)
    const answer = await searchIndexes([publishedSource(name, (options) => openIndex(name, { routers, blocks, ...options }))], 'ada lovelace')
    expect(answer.hits.map((hit) => hit.document.attrs.name)).toEqual(['Ada Lovelace'])
    expect(answer.coverage.sources[0]).toMatchObject({ state: 'answered', documents: 1 })
    expect(answer.hits[0]!.home).toBe(running.home.id)
  })
  await Promise.all([...routers, blocks].map((part) => part.close()))
})

it('lets a change wait for its time to be published, and a home that starts again go on', async () => {
  let now = Date.now()
  const [state, blocks] = [createMemoryStore(), createHashStore(createMemoryStore())]
  const options = { state, blocks, indexMs: 600_000, clock: () => now }
  let running = await open(options)
  const manifest = async () => {
    const record = await fetch(`${running.url}routing/v1/ipns/${(await signerOf(90)).id}`)
    if (record.status !== 200) return undefined
    const gateway = createGatewayStore({ urls: [running.url], allowPrivate: true })
    const router = createDelegatedRouter({ url: running.url, allowPrivate: true })
    const index = await openIndex((await signerOf(90)).id, { routers: [router], blocks: gateway, clock: () => now })
    await Promise.all([router.close(), gateway.close()])
    return [index.manifest.seq, index.manifest.documents]
  }
  const seq = Math.floor(now / 1_000)
  await move(running, await signerOf(2), { name: 'Ada Lovelace' }, seq)
  await eventually(async () => expect((await manifest())?.[1]).toBe(1))
  const [first] = (await manifest())!
  await move(running, await signerOf(3), { name: 'Ada Byron' }, seq)
  await eventually(async () => expect((await search(running, 'q=ada')).documents).toBe(2))
  expect(await manifest()).toEqual([first, 1])
  now += 600_000
  await eventually(async () => expect((await manifest())![1]).toBe(2))
  const before = await manifest()
  await running.close()
  running = await open(options)
  expect(await manifest()).toEqual(before)
  expect(await namesIn(await search(running, 'q=lovelace'))).toEqual(['Ada Lovelace'])
})

it.each([
  ['', 400, 'INVALID_QUERY'],
  ['q=a', 400, 'INVALID_QUERY'],
  ['q=%2E%2A', 400, 'INVALID_QUERY'],
  [`q=${'a'.repeat(257)}`, 413, 'LIMIT_EXCEEDED'],
  [`q=${Array.from({ length: 60 }, (_, i) => `w${i}`).join('+')}`, 413, 'LIMIT_EXCEEDED'],
  ['q=ada&near=here', 400, 'INVALID_QUERY'],
  ['q=ada&near=91,0,1', 400, 'INVALID_QUERY'],
  ['q=ada&limit=0', 400, 'INVALID_QUERY'],
  ['q=ada&limit=101', 400, 'INVALID_QUERY'],
  ['q=ada&cursor=nonsense', 400, 'INVALID_CURSOR']
])('refuses %s', async (query, status, code) => {
  const running = await open()
  const response = await fetch(`${running.url}search/v1?${query}`)
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code])
})

describe('the page for people', () => {
  const page = async (running: RunningHome, query: string): Promise<string> => {
    const ask = await openValidatedFetch(running.home.url!)
    const response = await ask(`/?${query}`)
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    return response.text()
  }

  it('finds whom the home hosts, page by page, and nobody whom it bans', async () => {
    const running = await open()
    const [ada, ...others] = await Promise.all(Array.from({ length: 21 }, async (_, i) => signerOf(i + 10)))
    for (const persona of [ada!, ...others]) await move(running, persona, { name: persona === ada ? 'Ada <b>Lovelace</b>' : 'Adam Smith' })
    const first = await page(running, 'q=ada')
    expect(first).toContain('<mark>Ada</mark> &lt;b&gt;Lovelace')
    expect(first.split('<li>').length - 1).toBe(20)
    const [, more] = /rel="next" href="\/\?([^"]+)"/.exec(first)!
    const second = await page(running, more!.replaceAll('&amp;', '&'))
    expect(second.split('<li>').length - 1).toBe(1)
    expect(second).not.toContain('rel="next"')
    await running.home.ban(ada!.id)
    expect(await page(running, 'q=lovelace')).toContain('Nobody here is found by that.')
  })

  it.each([
    ['q=a', 'Type at least two letters.'],
    [`q=${'a'.repeat(300)}`, 'That is too long'],
    ['q=ada&cursor=x', 'There is no such page']
  ])('says why it cannot look for %s', async (query, says) => {
    expect(await page(await open(), query)).toContain(says)
  })
})

it('gives a stranger two seconds of its time', async () => {
  const index = { search: async (_: string, { signal }: { signal: AbortSignal }) => new Promise<never>((_resolve, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error) }) }), status: async () => expect.fail() }
  const signal = new AbortController().signal
  await expect(searchHome('ada', {}, { index: index as never, profiles: { stored: async () => undefined } }, signal)).rejects.toMatchObject({ status: 503, code: 'BUSY' })
})
