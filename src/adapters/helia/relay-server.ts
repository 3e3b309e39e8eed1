import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import type { Connection, ConnectionGater } from '@libp2p/interface'
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
/** What one of them may carry, both ways together: a profile with all that is pinned for it, twice. */
export const MAX_RELAYED_BYTES = 16 * 1_048_576
/** How long one of them may last. */
export const MAX_RELAYED_MS = 10 * MINUTE_MS

type CircuitPackage = typeof import('@libp2p/circuit-relay-v2')
type ServiceFactory = ReturnType<CircuitPackage['circuitRelayServer']>

export interface RelayServer {
  readonly gate: ConnectionGater
  service (components: Parameters<ServiceFactory>[0]): CircuitRelayService
}

/**
 * Relays connections to the peers that `allows` names, so that they are reached although nobody can dial them.
 * What is relayed is encrypted between its two ends; what this node gives is bandwidth, within the limits above.
 *
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
      return circuitRelayServer({
        maxInboundHopStreams: MAX_RELAYED_FROM_CONNECTION,
        reservations: {
          maxReservations: MAX_RELAY_RESERVATIONS,
          reservationTtl: RELAY_RESERVATION_MS,
          defaultDataLimit: BigInt(MAX_RELAYED_BYTES),
          defaultDurationLimit: MAX_RELAYED_MS
        }
      })(components)
    }
  }
}
