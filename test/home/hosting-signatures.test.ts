import { createHash } from 'node:crypto'
import { request, type IncomingMessage } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { signRequest } from '../../src/hosting/request-signature.ts'
import { createHashStore, createMemoryStore, type Signer } from '../../src/index.ts'
import { NOON, signerOf } from '../client/world.ts'
import { openHome, requestOf, type RunningHome } from './running-home.ts'
import { openValidatedFetch, type ValidatedFetch } from './validated-fetch.ts'

let home: RunningHome
let validated: ValidatedFetch
let now = NOON
afterEach(async () => home.close())

const open = async (options: Parameters<typeof openHome>[0] = {}): Promise<void> => {
  now = NOON
  home = await openHome({ clock: () => now, settings: { policy: 'open' }, ...options })
  validated = await openValidatedFetch(home.home.url!)
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Asks for an agreement; `change` alters what was signed. */
const ask = async (persona: Signer, { headers = {}, body, path = 'hosting/v1/agreements', method = 'POST', signAs = {}, asked = {} }: { headers?: Record<string, string | undefined>; body?: Uint8Array; path?: string; method?: string; signAs?: { method?: string; url?: string; now?: number; nonce?: string; body?: Uint8Array; signer?: Signer }; asked?: object } = {}) => {
  const { formatRequest } = await import('../../src/hosting/agreement.ts')
  const message = body ?? (method === 'GET' || method === 'DELETE' ? undefined : bytes(JSON.stringify({ ...formatRequest(requestOf(persona)), ...asked })))
  const signed = await signRequest({ method: signAs.method ?? method, url: signAs.url ?? `${home.url}${path}`, body: signAs.body ?? message ?? new Uint8Array() }, signAs.signer ?? persona, { now: signAs.now ?? now, ...(signAs.nonce === undefined ? {} : { nonce: signAs.nonce }) })
  const all: Record<string, string | undefined> = { ...(message ? { 'content-type': 'application/json' } : {}), ...signed, ...headers }
  const response = await validated(path.startsWith('/') ? path : `/${path}`, { method, misuse: true, headers: Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))), ...(message ? { body: message as Uint8Array<ArrayBuffer> } : {}) })
  return { status: response.status, signed, ...(await response.json() as { code?: string; state?: string; detail?: string }) }
}

describe('a signed request', () => {
  test.each([
    ['missing', 401, 'SIGNATURE_MISSING', { headers: { signature: undefined } }],
    ['without its input', 401, 'SIGNATURE_MISSING', { headers: { 'signature-input': undefined } }],
    ['without its digest', 401, 'SIGNATURE_MISSING', { headers: { 'content-digest': undefined } }],
    ['expired', 401, 'SIGNATURE_EXPIRED', { signAs: { now: NOON - 61_000 } }],
    ['ahead', 401, 'SIGNATURE_EXPIRED', { signAs: { now: NOON + 61_000 } }],
    ['for another method', 401, 'SIGNATURE_INVALID', { signAs: { method: 'PUT' } }],
    ['for another path', 401, 'SIGNATURE_INVALID', { path: 'hosting/v1/agreements?x=1', signAs: { url: 'http://127.0.0.1/hosting/v1/agreements' } }],
    ['for another home', 401, 'SIGNATURE_INVALID', { signAs: { url: 'https://other.example/hosting/v1/agreements' } }],
    ['of another body', 400, 'DIGEST_MISMATCH', { signAs: { body: bytes('{}') } }],
    ['with a part of it altered', 401, 'SIGNATURE_MALFORMED', { headers: { signature: 'mercury=:AAAA:' } }]
  ] as const)('that is %s is refused', async (_, status, code, change) => {
    await open()
    expect(await ask(await signerOf(2), change as any)).toMatchObject({ status, code })
    expect(await home.home.stats()).toMatchObject({ hosted: 0 })
  })

  test('is taken at the ends of the window', async () => {
    await open()
    expect((await ask(await signerOf(2), { signAs: { now: NOON - 60_000 } })).status).toBe(201)
    expect((await ask(await signerOf(3), { signAs: { now: NOON + 60_000 } })).status).toBe(201)
  })

  test('by another key, or for somebody else, is refused', async () => {
    await open()
    const [alice, bob] = [await signerOf(2), await signerOf(3)]
    expect(await ask(alice, { signAs: { signer: bob } })).toMatchObject({ status: 403, code: 'NOT_YOURS' })
    const { signed } = await ask(alice)
    const forged = signed['signature-input'].replace(alice.id, bob.id)
    expect(await ask(alice, { headers: { ...signed, 'signature-input': forged } })).toMatchObject({ status: 401, code: 'SIGNATURE_INVALID' })
    expect(await ask(bob, { method: 'GET', path: `hosting/v1/agreements/${alice.id}` })).toMatchObject({ status: 403, code: 'NOT_YOURS' })
    expect(await ask(bob, { method: 'DELETE', path: `hosting/v1/agreements/${alice.id}` })).toMatchObject({ status: 403, code: 'NOT_YOURS' })
    expect(await ask(alice, { method: 'GET', path: `hosting/v1/agreements/${alice.id}` })).toMatchObject({ status: 200, state: 'offered' })
  })

  test.each([
    ['a lower algorithm', (input: string) => input.replace('alg="ed25519"', 'alg="hmac-sha256"'), 'ALGORITHM_REFUSED'],
    ['no algorithm', (input: string) => input.replace(';alg="ed25519"', ''), 'ALGORITHM_REFUSED'],
    ['a parameter twice', (input: string) => `${input};created=${Math.floor(NOON / 1_000)}`, 'SIGNATURE_MALFORMED'],
    ['a component twice', (input: string) => input.replace('"@method"', '"@method" "@method"'), 'SIGNATURE_MALFORMED'],
    ['a component less', (input: string) => input.replace('"content-digest"', ''), 'SIGNATURE_MALFORMED'],
    ['another tag', (input: string) => input.replace('tag="mercury"', 'tag="other"'), 'SIGNATURE_MALFORMED'],
    ['two signatures', (input: string) => `${input}, ${input.replace('mercury=', 'second=')}`, 'SIGNATURE_MALFORMED'],
    ['a short nonce', (input: string) => input.replace(/nonce="[^"]*"/, 'nonce="abc"'), 'SIGNATURE_MALFORMED']
  ])('with %s is refused', async (_, change, code) => {
    await open()
    const alice = await signerOf(2)
    const { signed } = await ask(alice, { body: bytes('{') })
    expect(await ask(alice, { headers: { ...signed, 'signature-input': change(signed['signature-input']) }, body: bytes('{') })).toMatchObject({ status: 401, code })
  })

  test('that was made is refused the second time, also after a restart', async () => {
    const [state, blocks] = [createMemoryStore(), createHashStore(createMemoryStore())]
    await open({ state, blocks })
    const alice = await signerOf(2)
    const { signed } = await ask(alice)
    expect(await ask(alice, { headers: signed })).toMatchObject({ status: 401, code: 'SIGNATURE_REPLAYED' })
    const { port } = new URL(home.url)
    await home.close()
    home = await openHome({ state, blocks, http: { port: Number(port) }, clock: () => now, settings: { policy: 'open' } })
    expect(await ask(alice, { headers: signed })).toMatchObject({ status: 401, code: 'SIGNATURE_REPLAYED' })
    const read = await ask(alice, { method: 'GET', path: `hosting/v1/agreements/${alice.id}` })
    expect(read.status).toBe(200)
    expect(await ask(alice, { method: 'GET', path: `hosting/v1/agreements/${alice.id}`, headers: read.signed })).toMatchObject({ code: 'SIGNATURE_REPLAYED' })
    expect((await ask(alice)).status).toBe(200)
  })

  test('through another Host is refused, whatever was signed', async () => {
    await open()
    const alice = await signerOf(2)
    const url = 'http://other.example/hosting/v1/agreements/' + alice.id
    const signed = await signRequest({ method: 'GET', url }, alice, { now })
    const { promise, resolve } = Promise.withResolvers<IncomingMessage>()
    request({ host: '127.0.0.1', port: new URL(home.url).port, path: `/hosting/v1/agreements/${alice.id}`, headers: { ...signed, host: 'other.example' } }, resolve).end()
    const response = await promise
    expect(response.statusCode).toBe(400)
    expect(JSON.parse(Buffer.concat(await Array.fromAsync(response)).toString())).toMatchObject({ code: 'WRONG_HOST' })
  })

  test('holds at each public URL of the home', async () => {
    await open({ settings: { policy: 'open', publicUrls: ['https://home.example'] } })
    const alice = await signerOf(2)
    await ask(alice)
    const signed = await signRequest({ method: 'GET', url: `https://home.example/hosting/v1/agreements/${alice.id}` }, alice, { now })
    const { promise, resolve } = Promise.withResolvers<number>()
    request({ host: '127.0.0.1', port: new URL(home.url).port, path: `/hosting/v1/agreements/${alice.id}`, headers: { ...signed, host: 'home.example' } }, (response) => resolve(response.resume().statusCode!)).end()
    expect(await promise).toBe(200)
  })

  test('is refused before its body is read', async () => {
    await open()
    const alice = await signerOf(2)
    const { promise, resolve } = Promise.withResolvers<number>()
    const sent = request({ host: '127.0.0.1', port: new URL(home.url).port, method: 'POST', path: '/hosting/v1/blocks', headers: { 'content-type': 'application/vnd.ipld.car', 'content-length': '16000000', 'content-digest': `sha-256=:${createHash('sha256').digest('base64')}:` } }, (response) => resolve(response.resume().statusCode!))
    sent.on('error', () => {})
    sent.flushHeaders()
    expect(await promise).toBe(401)
    sent.destroy()
    expect(alice.id).toMatch(/^k51/)
  })
})
