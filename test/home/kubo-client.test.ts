import { afterAll, beforeAll, expect, test } from 'vitest'
import { openKuboService, type KuboService } from '../services/kubo.ts'
import { describeWithService } from '../services/service.ts'
import { signerOf } from '../client/world.ts'
import { openTestHome, versionOf, type TestHome } from './home-server.ts'

const alice = await signerOf(1)

/** Kubo asks its delegated routers beside its DHT, in which there is nobody here. */
describeWithService('Kubo', 'Kubo with a home as its router', () => {
  let home: TestHome
  let kubo: KuboService

  beforeAll(async () => {
    home = await openTestHome({ clock: Date.now, limits: { requestsPerSecond: 10_000 } })
    kubo = await openKuboService()
    const router = { Type: 'http', Parameters: { Endpoint: home.server.url } }
    const methods = Object.fromEntries(['find-peers', 'find-providers', 'get-ipns', 'provide', 'put-ipns'].map((method) => [method, { RouterName: 'home' }]))
    await kubo.ipfs(['config', '--json', 'Routing', JSON.stringify({ Type: 'custom', Routers: { home: router }, Methods: methods })])
    await kubo.stop()
    await kubo.start()
  }, 60_000)
  afterAll(async () => {
    await kubo?.close()
    await home?.close()
  })

  test('resolves a name that the home hosts, and gets its record', async () => {
    const record = await versionOf(alice, 'Alice')
    const { cid } = await home.profiles.accept({ record }, { wait: 'local' })
    expect(String(await kubo.ipfs(['name', 'resolve', '--nocache', `/ipns/${alice.id}`])).trim()).toBe(`/ipfs/${cid.toString()}`)
    expect(new Uint8Array(await kubo.ipfs(['routing', 'get', `/ipns/${alice.id}`]))).toEqual(record)
    expect(home.lines.some((line) => line.includes('"route":"/routing/v1/ipns/{name}","status":200'))).toBe(true)
  })

  test('puts a newer record there, and not one that points to no profile', async () => {
    const newer = await versionOf(alice, 'Newer', { seq: 1_795_000_001 })
    await kubo.ipfs(['routing', 'put', `/ipns/${alice.id}`], newer)
    expect((await home.profiles.resolve(alice.id, { policy: 'offline' })).profile.name).toBe('Newer')
    await kubo.ipfs(['name', 'publish', '--allow-offline', '/ipfs/bafkqaaa']).catch(() => undefined)
    expect(home.lines.at(-1)).toContain('"method":"PUT","route":"/routing/v1/ipns/{name}","status":400')
    expect(await Array.fromAsync(home.profiles.kept())).toEqual([alice.id])
  })
})
