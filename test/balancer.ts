import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Balancer {
  readonly port: number
  close(): Promise<void>
}

/** A plain TCP balancer on loopback: each connection goes to the next of `ports` in turn, or to the one after it where that one takes none. */
export const openBalancer = async (ports: readonly number[]): Promise<Balancer> => {
  const sockets = new Set<Socket>()
  let turn = 0
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // What breaks on one side is passed on by closing the other.
    socket.on('error', () => {})
    return socket
  }
  const connectTo = async (port: number): Promise<Socket | undefined> => {
    const socket = keep(connect(port, '127.0.0.1'))
    const { promise, resolve } = Promise.withResolvers<Socket | undefined>()
    socket.once('connect', () => resolve(socket))
    socket.once('close', () => resolve(undefined))
    return promise
  }
  const server = createServer({ pauseOnConnect: true }, (client) => void serve(keep(client)))
  const serve = async (client: Socket): Promise<void> => {
    const first = turn++
    for (let i = 0; i < ports.length; i++) {
      const backend = await connectTo(ports[(first + i) % ports.length]!)
      if (!backend) continue
      client.pipe(backend).pipe(client)
      client.once('close', () => backend.destroy())
      backend.once('close', () => client.destroy())
      if (client.destroyed) backend.destroy()
      else client.resume()
      return
    }
    client.destroy()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close () {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
}
