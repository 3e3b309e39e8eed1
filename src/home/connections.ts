import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { ClientAddresses } from './client-address.ts'
import { AddressCounts, IDLE_TIMEOUT_MS, MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS, MAX_HEADERS, type LimitSettings } from './request-limits.ts'

/** A connection, and how many requests on it are under way. */
interface Connection {
  underWay: number
}

/** Bounds the connections of a server, in all and for each address. */
export interface Connections {
  /** A request on `socket` is under way from now on. */
  begin(socket: Socket): void
  end(socket: Socket): void
  readonly size: number
}

/**
 * Takes the connections of `server` in hand. One over the bound of its address is closed at once. Over the bound of all, the one that has rested
 * longest makes room, so that whoever only holds connections keeps nobody out.
 *
 * A trusted proxy may have as many as there are.
 */
export const boundConnections = (server: Server, addresses: ClientAddresses, { maxConnections = MAX_CONNECTIONS, connectionsPerAddress = MAX_CONNECTIONS_PER_ADDRESS }: LimitSettings): Connections => {
  const bySocket = new Map<Socket, Connection>()
  /** In the order in which they came to rest. */
  const resting = new Set<Socket>()
  const counts = new AddressCounts(connectionsPerAddress)
  server.maxHeadersCount = MAX_HEADERS
  server.setTimeout(IDLE_TIMEOUT_MS)
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket
    const client = addresses.isProxy(remoteAddress) ? undefined : addresses.clientOf(remoteAddress, undefined)
    if (client !== undefined && !counts.add(client)) {
      socket.destroy()
      return
    }
    socket.once('close', () => {
      bySocket.delete(socket)
      resting.delete(socket)
      if (client !== undefined) counts.remove(client)
    })
    bySocket.set(socket, { underWay: 0 })
    resting.add(socket)
    if (bySocket.size > maxConnections) (resting.values().next().value ?? socket).destroy()
  })
  return {
    begin (socket) {
      const connection = bySocket.get(socket)
      if (!connection) return
      connection.underWay++
      resting.delete(socket)
    },
    end (socket) {
      const connection = bySocket.get(socket)
      if (connection && --connection.underWay === 0) resting.add(socket)
    },
    get size () {
      return bySocket.size
    }
  }
}
