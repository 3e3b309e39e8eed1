import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Connection, ConnectionGater, Stream } from '@libp2p/interface'
import { HOUR_MS, MINUTE_MS } from '../../limits.ts'

export interface RelayOptions {
  /** Whether the peer, `12D3Koo…`, may be reached through this node; asked for each reservation, each renewal and each connection to it. A failure counts as no. */
  allows(peerId: string): boolean | Promise<boolean>
}

/** Peers that can be reached through this node at one time. */
export const MAX_RELAY_RESERVATIONS = 256
/** A reservation that is not renewed by then is over. */
export const RELAY_RESERVATION_MS = HOUR_MS
/** Connections that go through this node at one time. */
export const MAX_RELAYED_CONNECTIONS = 256
/** Of them, those from one connection to this node. */
export const MAX_RELAYED_FROM_CONNECTION = 16
/** What one of them may carry each way: a profile with all that is pinned for it, twice. */
export const MAX_RELAYED_BYTES = 16 * 1_048_576
/** How long one of them may last. */
export const MAX_RELAYED_MS = 10 * MINUTE_MS

type CircuitPackage = typeof import('@libp2p/circuit-relay-v2')
type ServiceFactory = ReturnType<CircuitPackage['circuitRelayServer']>

/** What the service of circuit-relay-v2 4.2 has beside that which its type tells. */
interface RelayService extends CircuitRelayService {
  onHop(stream: Stream, connection: Connection): Promise<void>
  stopHop(...request: unknown[]): Promise<Stream | undefined>
}

export interface RelayServer {
  readonly gate: ConnectionGater
  service (components: Parameters<ServiceFactory>[0]): CircuitRelayService
}

/**
 * Relays connections to the peers that `allows` names, so that they are reached although nobody can dial them.
 * What is relayed is encrypted between its two ends; what this node gives is bandwidth, within the limits above.
 *
 * The limits of a connection are kept here and not told to its ends: libp2p runs next to nothing, Bitswap neither, over one that it knows to be limited.
 * A peer that is no longer allowed gets no further connection at once; one that is open ends within {@link MAX_RELAYED_MS}.
 *
 * @see https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md
 */
export const createRelayServer = ({ allows }: RelayOptions, { circuitRelayServer, RELAY_V2_HOP_CODEC }: Pick<CircuitPackage, 'circuitRelayServer' | 'RELAY_V2_HOP_CODEC'>): RelayServer => {
  let connections = (): readonly Connection[] => []

  const isAllowed = async (peerId: string): Promise<boolean> => {
    try {
      return await allows(peerId)
    } catch {
      // Whoever cannot be looked up now asks again.
      return false
    }
  }

  /** Those that are being set up count, too. */
  const countRelayed = (): number => connections().reduce((sum, { streams }) => sum + streams.filter(({ protocol }) => protocol === RELAY_V2_HOP_CODEC).length, 0)

  return {
    gate: {
      denyInboundRelayReservation: async (source) => !(await isAllowed(source.toString())),
      denyOutboundRelayedConnection: async (_source, destination) => countRelayed() > MAX_RELAYED_CONNECTIONS || !(await isAllowed(destination.toString()))
    },
    service: (components) => {
      connections = () => components.connectionManager.getConnections()
      const service = circuitRelayServer({
        maxInboundHopStreams: MAX_RELAYED_FROM_CONNECTION,
        reservations: { maxReservations: MAX_RELAY_RESERVATIONS, reservationTtl: RELAY_RESERVATION_MS, applyDefaultLimit: false }
      })(components) as RelayService
      const { onHop, stopHop } = service
      service.onHop = async (stream, connection) => {
        limit(stream)
        return onHop(stream, connection)
      }
      service.stopHop = async (...request) => {
        const stream = await stopHop.apply(service, request)
        if (stream) limit(stream)
        return stream
      }
      return service
    }
  }
}

/** Breaks off what is sent over `stream` beyond its bytes and its time; the other side of the relayed connection goes with it. */
const limit = (stream: Stream): void => {
  const cut = (): void => stream.abort(new Error('the limit of a relayed connection is reached'))
  const timer = setTimeout(cut, MAX_RELAYED_MS)
  timer.unref()
  stream.addEventListener('close', () => clearTimeout(timer))
  const send = stream.send.bind(stream)
  let left = MAX_RELAYED_BYTES
  stream.send = (data) => {
    left -= data.byteLength
    if (left < 0) cut()
    return send(data)
  }
}
