import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSmallClient, type SmallClient } from '../testing/small-client.ts'
import { openSmallServer, type SmallServer } from '../testing/small-server.ts'
import { openFaults, type RelayedService } from './faults.ts'

const CONTENT = Buffer.from('0123456789'.repeat(1_000))

let server: SmallServer
let faults: RelayedService
let client: SmallClient

beforeEach(async () => {
  server = await openSmallServer()
  faults = await openFaults(server)
  client = createSmallClient({ url: `http://127.0.0.1:${faults.port}`, token: server.token })
  await client.ask('PUT', 'name', { body: CONTENT })
})
afterEach(async () => {
  client.close()
  await faults.close()
  await server.stop()
})

const read = async (signal?: AbortSignal): Promise<string | undefined> => {
  const bytes = await client.ask('GET', 'name', { signal })
  return bytes && Buffer.from(bytes).toString()
}

test('stops the server and starts it again with what it had', async () => {
  await faults.stop()
  await expect(read()).rejects.toMatchObject({ code: 'STORE_FAILED' })
  await faults.start()
  expect(await read()).toBe(CONTENT.toString())
})

test('slows what goes there and what comes back', async () => {
  faults.slow(50)
  const start = performance.now()
  expect(await read()).toBe(CONTENT.toString())
  expect(performance.now() - start).toBeGreaterThanOrEqual(99)
  faults.heal()
  expect(await read()).toBe(CONTENT.toString())
})

test.each(['GET', 'HEAD'])('stalls %s: the connection waits until its client leaves', async (method) => {
  expect(faults.unanswered()).toBe(0)
  faults.stall()
  const controller = new AbortController()
  const outcome = client.ask(method, 'name', { signal: controller.signal }).then(() => 'answered', (error: unknown) => error)
  while (faults.unanswered() === 0) await turn()
  // The server answers, and ends a connection on which HEAD was asked.
  for (let turns = 0; turns < 50; turns++) await turn()
  expect(faults.unanswered()).toBe(1)
  expect(faults.connections()).toBeGreaterThanOrEqual(1)
  const reason = new Error('the reason')
  controller.abort(reason)
  expect(await outcome).toBe(reason)
  while (faults.unanswered() > 0) await turn()
  faults.heal()
  expect(await read()).toBe(CONTENT.toString())
})

test('cuts answers that carry the content, and counts them', async () => {
  faults.cut(CONTENT)
  await expect(read()).rejects.toMatchObject({ code: 'STORE_FAILED' })
  expect(faults.spoilt()).toBe(1)
  expect(await client.ask('GET', 'absent', {})).toBeUndefined()
  faults.heal()
  expect(await read()).toBe(CONTENT.toString())
  expect(faults.spoilt()).toBe(1)
})

test('corrupts one byte of the content, and counts it', async () => {
  faults.corrupt(CONTENT)
  const changed = Buffer.from((await read())!)
  expect(changed.byteLength).toBe(CONTENT.byteLength)
  expect([...changed].filter((byte, i) => byte !== CONTENT[i])).toHaveLength(1)
  expect(faults.spoilt()).toBe(1)
  faults.heal()
  expect(await read()).toBe(CONTENT.toString())
})

test('looks for content as the service writes it', async () => {
  const encoding = await openFaults(server, { encode: (content) => Buffer.from(Buffer.from(content).toString('base64')) })
  const at = createSmallClient({ url: `http://127.0.0.1:${encoding.port}`, token: server.token })
  await at.ask('PUT', 'encoded', { body: CONTENT.toString('base64') })
  encoding.corrupt(CONTENT)
  expect(Buffer.from((await at.ask('GET', 'name', {}))!).equals(CONTENT)).toBe(true)
  expect(Buffer.from((await at.ask('GET', 'encoded', {}))!).toString()).not.toBe(CONTENT.toString('base64'))
  at.close()
  await encoding.close()
})

test('ends the relay and not the service', async () => {
  await faults.close()
  await expect(read()).rejects.toMatchObject({ code: 'STORE_FAILED' })
  const direct = createSmallClient({ url: `http://127.0.0.1:${server.port}`, token: server.token })
  expect(await direct.ask('GET', 'name', {})).toEqual(new Uint8Array(CONTENT))
  direct.close()
})

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
