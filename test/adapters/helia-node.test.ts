import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openHeliaNode, type HeliaNode } from '../../src/adapters/helia/index.ts'
import { HELIA_PACKAGES, PUBSUB_PACKAGES, WEBSOCKET_PACKAGES } from '../../src/adapters/helia/packages.ts'
import { knows, openNetwork, peersOf } from '../network.ts'

const opened: HeliaNode[] = []
const folders: string[] = []

const open = async (options: Parameters<typeof openHeliaNode>[0]): Promise<HeliaNode> => {
  const node = await openHeliaNode(options)
  opened.push(node)
  return node
}

const temporary = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'mercury-helia-'))
  folders.push(folder)
  return folder
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (node) => node.close()))
  await Promise.all(folders.splice(0).map(async (folder) => rm(folder, { recursive: true })))
})

/** Runs `script` in a process of its own and waits until it ends by itself. */
const run = async (script: string, ...nodeOptions: string[]): Promise<{ code: number | null; output: string }> => {
  const child = spawn(process.execPath, [...nodeOptions, '--input-type=module-typescript', '-e', script], { cwd: process.cwd(), stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => output.push(part))
  child.stderr.on('data', (part: Buffer) => output.push(part))
  const [code] = await once(child, 'close') as [number | null]
  return { code, output: Buffer.concat(output).toString() }
}

describe('openHeliaNode', () => {
  test('listens on loopback only, unless told otherwise', async () => {
    const node = await open({})
    expect(node.addresses()).toEqual([expect.stringMatching(new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${node.peerId}$`))])
  })

  test('has the peer identity of its seed', async () => {
    const peerKey = new Uint8Array(32).fill(3)
    const [one, two, other] = [await open({ peerKey }), await open({ peerKey }), await open({})]
    expect(one.peerId).toBe(two.peerId)
    expect(other.peerId).not.toBe(one.peerId)
  })

  test('announces what it is told to', async () => {
    const node = await open({ announce: ['/dns4/home.example/tcp/4001'] })
    expect(node.addresses()).toEqual([`/dns4/home.example/tcp/4001/p2p/${node.peerId}`])
  })

  test('a client answers no DHT query, a server does', async () => {
    const server = await open({ allowPrivate: true, dht: 'server', dhtProtocol: '/x/kad/1.0.0' })
    const client = await open({ allowPrivate: true, dhtProtocol: '/x/kad/1.0.0' })
    expect(server.helia.libp2p.getProtocols()).toContain('/x/kad/1.0.0')
    expect(client.helia.libp2p.getProtocols()).not.toContain('/x/kad/1.0.0')
  })

  test('speaks the Amino DHT, or the LAN one among private addresses', async () => {
    expect((await open({ dht: 'server' })).helia.libp2p.getProtocols()).toContain('/ipfs/kad/1.0.0')
    expect((await open({ dht: 'server', allowPrivate: true })).helia.libp2p.getProtocols()).toContain('/ipfs/lan/kad/1.0.0')
  })

  test('finds its way in through a bootstrap peer that is not there yet', async () => {
    const peerKey = new Uint8Array(32).fill(4)
    const first = await openHeliaNode({ peerKey, allowPrivate: true, dht: 'server' })
    const [address] = first.addresses()
    await first.close()
    const node = await open({ bootstrap: [address!], allowPrivate: true })
    const listen = address!.slice(0, address!.indexOf('/p2p/'))
    await open({ peerKey, allowPrivate: true, dht: 'server', listen: [listen] })
    await knows(node, 1)
  })

  test('dials no private address unless allowed', async () => {
    const target = await open({ allowPrivate: true })
    const [address] = target.addresses()
    const node = await open({})
    await expect(node.dial(address!)).rejects.toMatchObject({ name: 'DialDeniedError' })
    await expect(node.dial(address!.replace('/ip4/127.0.0.1', '/dns4/localhost'))).rejects.toMatchObject({ name: 'DialDeniedError' })
    expect(target.helia.libp2p.getConnections()).toEqual([])
  })

  test.each([['listen'], ['announce'], ['bootstrap']] as const)('refuses a %s address that is none', async (option) => {
    await expect(openHeliaNode({ [option]: ['http://nonsense'] })).rejects.toMatchObject({ code: 'INVALID_ADDRESS' })
  })

  test('a folder serves one node at a time', async () => {
    const location = await temporary()
    const node = await open({ location })
    await expect(openHeliaNode({ location })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    await node.close()
    const again = await open({ location })
    expect(again.peerId).toBe(node.peerId)
  })

  test('a failed start gives the folder back', async () => {
    const location = await temporary()
    const busy = await open({})
    const listen = [busy.addresses()[0]!.replace(/\/p2p\/.*/, '')]
    await expect(openHeliaNode({ location, listen })).rejects.toThrow()
    await open({ location })
  })

  test('closing leaves no timer and no socket, so that the process ends by itself', async () => {
    const location = await temporary()
    const { code, output } = await run(`
      import { openNetwork } from './test/network.ts'
      import { createHeliaStore, createHeliaRouter, createPubsubRouter, openHeliaNode } from './src/adapters/helia/index.ts'
      const network = await openNetwork(3, { node: { pubsub: true } })
      const home = await network.join({ location: ${JSON.stringify(location)}, listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'], relay: { allows: () => true } })
      const persona = await openHeliaNode({ allowPrivate: true, listen: [], relays: home.addresses() })
      while (persona.addresses().length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
      const reader = await openHeliaNode({ allowPrivate: true, listen: [] })
      await reader.dial(persona.addresses()[0])
      const adapters = network.nodes.flatMap(({ helia }) => [createHeliaStore(helia), createHeliaRouter(helia), createPubsubRouter(helia)])
      await Promise.all(adapters.map((adapter) => adapter.close()))
      await Promise.all([network, persona, reader].map((part) => part.close()))
      // Timers of a millisecond that are still to fire do so before this one.
      await new Promise((resolve) => setTimeout(resolve, 20))
      console.log(process.getActiveResourcesInfo().filter((kind) => kind !== 'PipeWrap').join())
    `)
    expect({ code, output }).toEqual({ code: 0, output: '\n' })
  })

  test.each(['helia', '@libp2p/kad-dht', 'blockstore-core', 'interface-datastore', 'datastore-level', '@libp2p/gossipsub', '@libp2p/circuit-relay-v2', '@libp2p/websockets'])('names the install line when %s is missing', async (missing) => {
    const hooks = `data:text/javascript,${encodeURIComponent(`
      import { registerHooks } from 'node:module'
      const resolve = (specifier, context, next) => {
        if (specifier === '${missing}' && context.parentURL.includes('/src/adapters/')) throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
        return next(specifier, context)
      }
      registerHooks({ resolve })
    `)}`
    const { code, output } = await run(`
      import { createHeliaRouter, openHeliaNode } from './src/adapters/helia/index.ts'
      import { createSigner } from './src/identity/signer.ts'
      try {
        const node = await openHeliaNode({ location: ${JSON.stringify(await temporary())}, pubsub: true, listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
        for await (const _ of createHeliaRouter(node.helia).get((await createSigner(new Uint8Array(32))).id));
      } catch (error) {
        console.log(error.code, error.message)
        process.exit(0)
      }
    `, '--import', hooks)
    expect(output).toContain('MISSING_DEPENDENCY')
    expect(output).toContain('npm install helia@')
    expect(output).toContain(`${missing}@`)
    expect(code).toBe(0)
  })

  test('the install line has the versions that this repository is tested with', async () => {
    for (const line of [...HELIA_PACKAGES, ...PUBSUB_PACKAGES, ...WEBSOCKET_PACKAGES]) {
      const name = line.slice(0, line.lastIndexOf('@'))
      const { version } = JSON.parse(await readFile(`node_modules/${name}/package.json`, 'utf8')) as { version: string }
      expect(line).toBe(`${name}@${version}`)
    }
  })

  test('sixteen nodes find one another', async () => {
    const network = await openNetwork(16)
    try {
      expect(network.nodes.map(peersOf).every((peers) => peers >= 15)).toBe(true)
    } finally {
      await network.close()
    }
  })
})
