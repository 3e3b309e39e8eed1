import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createHomeTransport } from '../../src/adapters/home-transport.ts'
import { createHomeClient, type HomeClient } from '../../src/hosting/home-client.ts'
import { formatAgreement } from '../../src/hosting/agreement.ts'
import { encodeProfileAnswer } from '../../src/hosting/profile-answer.ts'
import { MercuryError, acceptHosting } from '../../src/index.ts'
import { signerOf } from '../client/world.ts'
import { requestOf } from '../home/running-home.ts'

const servers: Server[] = []
const transport = createHomeTransport()
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
  const server = createServer(answer)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
const clientOf = (...urls: string[]): HomeClient => createHomeClient({ transport, urls, trusted: true, clock: Date.now })
const says = (status: number, body: string | Uint8Array, headers: Record<string, string> = {}) => serve((_, response) => { response.writeHead(status, headers).end(body) })

describe('a home that refuses', () => {
  test('is quoted with its code, without what a terminal would obey', async () => {
    const client = clientOf(await says(403, JSON.stringify({ status: 403, code: 'INVITATION_NEEDED', detail: 'no\u001b[31m \u202evoucher' })))
    const alice = await signerOf(2)
    const refusal = await client.agree(requestOf(alice), (await signerOf(1)).id, alice).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ name: 'HomeRefusedError', code: 'HOME_REFUSED', status: 403, refusal: 'INVITATION_NEEDED' })
    expect((refusal as Error).message).toBe('the home refused: no [31m  voucher')
  })

  test.each([['nothing', ''], ['no JSON', '<html>'], ['a list', '[]'], ['a code that is none', '{"detail":"x","code":"<script>"}'], ['a detail that is none', '{"detail":7}']])('with %s is a refusal all the same', async (_, body) => {
    await expect(clientOf(await says(500, body)).describe()).rejects.toMatchObject({ code: 'HOME_REFUSED', status: 500, refusal: undefined })
  })

  test('with a text without end is quoted in part', async () => {
    const refusal = await clientOf(await says(500, JSON.stringify({ detail: 'x'.repeat(100_000) }))).describe().catch((error: unknown) => error) as Error
    expect(refusal.message.length).toBeLessThan(400)
  })

  test('to know a profile or an agreement has none', async () => {
    const client = clientOf(await says(404, '{"detail":"no"}'))
    const alice = await signerOf(2)
    expect(await client.profile(alice.id)).toBeUndefined()
    expect(await client.record(alice.id)).toBeUndefined()
    expect(await client.backup('vault', alice)).toBeUndefined()
    expect(await client.agreement((await signerOf(1)).id, null, alice)).toBeUndefined()
    await client.end(alice)
  })
})

describe('a home that lies', () => {
  test('about an agreement is found out', async () => {
    const [home, other, alice, bob] = [await signerOf(1), await signerOf(9), await signerOf(2), await signerOf(3)]
    const lies = [
      { home: other, by: other, persona: alice },
      { home, by: other, persona: alice },
      { home, by: home, persona: bob }
    ]
    for (const { home: named, by, persona } of lies) {
      const acceptance = await acceptHosting({ persona: persona.id, since: 1, next: persona.pledge!.next }, by)
      const client = clientOf(await says(201, JSON.stringify(formatAgreement({ persona: persona.id, state: 'offered', acceptance, next: persona.pledge!.next, quotaBytes: 1, usedBytes: 0 }, named.id))))
      expect(await client.agree(requestOf(alice), home.id, alice).catch((error: unknown) => error)).toBeInstanceOf(MercuryError)
    }
  })

  test.each([
    ['an endless description', (response: ServerResponse) => { const send = (): void => { if (!response.destroyed) response.write('x'.repeat(65_536), send) }; send() }],
    ['half an answer', (response: ServerResponse) => { response.writeHead(200, { 'content-length': '100' }); response.write('x'); setImmediate(() => response.destroy()) }],
    ['a redirect to elsewhere', (response: ServerResponse) => { response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end() }],
    ['no answer at all', (response: ServerResponse) => { response.destroy() }]
  ])('with %s is an error of this library', async (_, answer) => {
    const url = await serve((_, response) => answer(response))
    expect(await clientOf(url).describe().catch((error: unknown) => error)).toBeInstanceOf(MercuryError)
  })

  test('about a backup has no ETag, and no answer', async () => {
    await expect(clientOf(await says(200, 'x')).backup('vault', await signerOf(2))).rejects.toBeInstanceOf(MercuryError)
    await expect(clientOf(await says(200, 'x', { etag: `"${'x'.repeat(300)}"` })).backup('vault', await signerOf(2))).rejects.toBeInstanceOf(MercuryError)
  })

  test('about a profile says something that is no answer', async () => {
    const { id } = await signerOf(2)
    await expect(clientOf(await says(200, 'garbage')).profile(id)).rejects.toBeInstanceOf(MercuryError)
    expect(await clientOf(await says(200, encodeProfileAnswer({ hosting: 'kept', record: new Uint8Array(1) }))).profile(id)).toEqual({ hosting: 'kept', record: new Uint8Array(1) })
  })
})

describe('a home with several addresses', () => {
  test('is asked at the next one where one is dead, and from then on there', async () => {
    let asked = 0
    const dead = await serve((_, response) => { asked++; response.destroy() })
    const client = clientOf(dead, await says(404, ''))
    const { id } = await signerOf(2)
    expect(await client.profile(id)).toBeUndefined()
    const before = asked
    expect(await client.profile(id)).toBeUndefined()
    expect(asked).toBe(before)
  })

  test('is asked at the others again when the one that answered dies', async () => {
    let dying = false
    const [first, second] = [await serve((_, response) => { if (dying) response.destroy(); else response.writeHead(404).end() }), await says(404, '')]
    const client = clientOf(first, second)
    const { id } = await signerOf(2)
    expect(await client.profile(id)).toBeUndefined()
    dying = true
    expect(await client.profile(id)).toBeUndefined()
  })

  test('that are all dead is unreachable, and so is one without any', async () => {
    const dead = await serve((_, response) => response.destroy())
    await expect(clientOf(dead, 'http://127.0.0.1:1/').describe()).rejects.toMatchObject({ code: 'HOME_UNREACHABLE' })
    await expect(clientOf().describe()).rejects.toMatchObject({ code: 'HOME_UNREACHABLE' })
  })

  test('is left with the reason of the signal', async () => {
    const silent = await serve(() => {})
    const controller = new AbortController()
    const asked = clientOf(silent, silent).describe({ signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(asked).rejects.toBe(reason)
  })
})
