import type { Socket } from 'node:net'
import type { Transport } from '@libp2p/interface'
import { SECOND_MS } from '../../limits.ts'

/** How long a connection may be silent before its first byte, and may take for the head of its request. */
const HANDSHAKE_MS = 10 * SECOND_MS
/** Connections that may be open at one listener; libp2p itself counts those that have come through its handshake. */
const MAX_SOCKETS = 1_024

type WebSockets = typeof import('@libp2p/websockets')['webSockets']
type TransportFactory = ReturnType<WebSockets>

/**
 * The WebSocket transport, whose listeners do not wait for whoever connects and says nothing.
 *
 * A listener of @libp2p/websockets 10.1 knows a socket only once its first byte has come: without this it would keep a silent one for good, and could not be closed until that left.
 */
export const createWebSockets = (webSockets: WebSockets): TransportFactory => (components): Transport => {
  const transport = webSockets({ http: { headersTimeout: HANDSHAKE_MS, requestTimeout: HANDSHAKE_MS } })(components)
  const createListener = transport.createListener.bind(transport)
  transport.createListener = (options) => {
    const listener = createListener(options)
    const server = Reflect.get(listener, 'server') as import('node:net').Server
    const silent = new Set<Socket>()
    server.maxConnections = MAX_SOCKETS
    server.on('connection', (socket) => {
      const cut = (): void => void socket.destroy()
      const timer = setTimeout(cut, HANDSHAKE_MS)
      const heard = (): void => {
        clearTimeout(timer)
        silent.delete(socket)
      }
      silent.add(socket)
      socket.once('readable', heard)
      socket.once('close', heard)
      // A socket that breaks before anybody listens to it must not end the process.
      socket.on('error', cut)
    })
    const close = listener.close.bind(listener)
    listener.close = async () => {
      const closed = close()
      for (const socket of silent) socket.destroy()
      await closed
    }
    return listener
  }
  return transport
}
