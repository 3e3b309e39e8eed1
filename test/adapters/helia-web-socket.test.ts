import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import * as raw from 'multiformats/codecs/raw'
import { afterEach, describe, expect, test } from 'vitest'
import { createHeliaStore, openHeliaNode, type HeliaNode, type HeliaNodeOptions } from '../../src/adapters/helia/index.ts'
import { putBlock } from '../../src/index.ts'

const opened: HeliaNode[] = []

const open = async (options: HeliaNodeOptions = {}): Promise<HeliaNode> => {
  const node = await openHeliaNode({ allowPrivate: true, ...options })
  opened.push(node)
  return node
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (node) => node.close()))
})

const WS = '/ip4/127.0.0.1/tcp/0/ws'

describe('WebSocket', () => {
  test('a node listens on it beside TCP, and another that knows it dials it and gets a block', async () => {
    const server = await open({ listen: ['/ip4/127.0.0.1/tcp/0', WS] })
    const addresses = server.addresses()
    expect(addresses.map((address) => address.includes('/ws/')).sort()).toEqual([false, true])
    const webSocket = addresses.find((address) => address.includes('/ws/'))!
    const client = await open({ listen: [], bootstrap: [webSocket] })
    while (client.helia.libp2p.getConnections().length === 0) await delay(2)
    expect(client.helia.libp2p.getConnections().map(({ remoteAddr }) => remoteAddr.toString())).toEqual([webSocket])
    const cid = await putBlock(createHeliaStore(server.helia, { announce: false }), Uint8Array.of(1, 2, 3), raw.code)
    expect(await createHeliaStore(client.helia, { announce: false }).get(cid)).toEqual(Uint8Array.of(1, 2, 3))
    await expect(fetch(`http://127.0.0.1:${webSocket.split('/')[4]}/`).then(({ status }) => status)).resolves.toBe(400)
  })

  test('two nodes that listen on nothing else dial each other', async () => {
    const [one, other] = [await open({ listen: [WS] }), await open({ listen: [WS] })]
    await one.dial(other.addresses()[0]!)
    expect(one.helia.libp2p.getPeers().map(String)).toEqual([other.peerId])
    await one.helia.libp2p.hangUp(other.helia.libp2p.peerId)
    await other.dial(one.addresses()[0]!)
    expect(other.helia.libp2p.getPeers().map(String)).toEqual([one.peerId])
  })

  test('carries a reservation, too', async () => {
    const home = await open({ listen: [WS], relay: { allows: () => true } })
    const persona = await open({ listen: [], relays: home.addresses() })
    while (persona.addresses().length === 0) await delay(2)
    expect(persona.addresses()).toEqual([`${home.addresses()[0]}/p2p-circuit/p2p/${persona.peerId}`])
  })

  test('whoever connects and says nothing, or breaks off, holds nothing up', async () => {
    const node = await open({ listen: [WS] })
    const port = Number(node.addresses()[0]!.split('/')[4])
    const sockets = ['', 'GET / HTTP/1.1\r\n', '\u0016\u0003'].map((text) => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined)
      if (text) socket.write(text)
      return socket
    })
    await Promise.all(sockets.map(async (socket) => socket.connecting && once(socket, 'connect')))
    sockets[1]!.resetAndDestroy()
    const closed = once(sockets[0]!, 'close')
    await node.close()
    await closed
    for (const socket of sockets) socket.destroy()
  })
})
