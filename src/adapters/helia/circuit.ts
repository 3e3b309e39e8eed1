import { setTimeout as delay } from 'node:timers/promises'
import type { Connection, Listener, Stream, Transport } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { checkLimit } from '../../errors.ts'
import { MINUTE_MS, SECOND_MS } from '../../limits.ts'
import { InvalidAddressError } from './invalid-address.ts'

const MAX_RELAYS = 4
const DIAL_MS = 10 * SECOND_MS

type CircuitPackage = typeof import('@libp2p/circuit-relay-v2')
type Components = Parameters<ReturnType<CircuitPackage['circuitRelayTransport']>>[0]

/** What the transport of circuit-relay-v2 4.2 has beside that which its type tells. */
interface CircuitTransport extends Transport {
  onStop(stream: Stream, connection: Connection): Promise<void>
  readonly reservationStore: { hasReservation(peer: Connection['remotePeer']): boolean; cancelReservations(): void }
}

export interface Circuit {
  transport (components: Components): Transport
  /**
   * Keeps a reservation at one relay, so that this node is reached through it: dials again after 1 s, 2 s, 4 s, … at most a minute.
   *
   * @param addresses of the one relay, each with its peer ID
   * @returns after `signal` aborts; at once when the node has stopped by then
   */
  stayReserved(addresses: readonly Multiaddr[], signal: AbortSignal): Promise<void>
  /** Stops the timers of renewals that came while the node stopped. */
  release(): void
}

/**
 * Dials others through their relays, and lets itself be dialled through those it was told of.
 *
 * The transport would look for relays by itself, give up for good on one that was away for a moment,
 * and listen on whichever peer claims to relay a connection: all of that is kept from it.
 */
export const createCircuit = ({ circuitRelayTransport }: Pick<CircuitPackage, 'circuitRelayTransport'>): Circuit => {
  let parts: { components: Components; transport: CircuitTransport } | undefined

  const stayReserved = async (addresses: readonly Multiaddr[], signal: AbortSignal): Promise<void> => {
    let listener: Listener | undefined
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const { transportManager, connectionManager } = parts!.components
        await connectionManager.openConnection([...addresses], { signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]) })
        const address = addresses[0]!.encapsulate('/p2p-circuit')
        // One listener for good: the manager keeps each that it has made, those that failed, too.
        const known = transportManager.getListeners()
        const listening = listener ? listener.listen(address) : transportManager.listen([address])
        listener ??= transportManager.getListeners().find((made) => !known.includes(made))
        await listening
        if (listener && listener.getAddrs().length > 0) {
          failures = 0
          await untilLost(listener, signal)
        }
      } catch {
        // A relay that does not answer or refuses is asked again in the next round.
      }
      await delay(Math.min(2 ** failures * SECOND_MS, MINUTE_MS), undefined, { signal, ref: false }).catch(() => undefined)
    }
  }

  return {
    transport: (components) => {
      const transport = circuitRelayTransport({ discoveryFilter: EVERYBODY })(components) as CircuitTransport
      Reflect.set(transport.reservationStore, 'relayFilter', NOBODY)
      const onStop = transport.onStop
      transport.onStop = async (stream, connection) => {
        if (transport.reservationStore.hasReservation(connection.remotePeer)) return onStop(stream, connection)
        stream.abort(new Error('this node has no reservation at that relay'))
      }
      parts = { components, transport }
      return transport
    },
    stayReserved,
    release: () => parts?.transport.reservationStore.cancelReservations()
  }
}

/**
 * Their addresses by peer ID: a relay that is reached at several is one relay.
 *
 * @throws InvalidAddressError without a peer ID, LimitError for more than 4 relays
 */
export const groupByRelay = (addresses: readonly Multiaddr[]): Map<string, Multiaddr[]> => {
  const addressesByRelay = new Map<string, Multiaddr[]>()
  for (const address of addresses) {
    const last = address.getComponents().at(-1)
    if (last?.name !== 'p2p' || last.value === undefined) throw new InvalidAddressError(address.toString(), { wanted: 'a multiaddr with a peer ID' })
    addressesByRelay.set(last.value, [...(addressesByRelay.get(last.value) ?? []), address])
  }
  checkLimit('relays', MAX_RELAYS, addressesByRelay.size)
  return addressesByRelay
}

/** Those whom discovery has seen already. */
const EVERYBODY = { has: () => true, add: () => undefined, remove: () => undefined }

/** Those that are never tried again. */
const NOBODY = { has: () => false, add: () => undefined }

/** Resolves when nobody is reached through `listener` any more, or `signal` aborts. */
const untilLost = async (listener: Listener, signal: AbortSignal): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const check = (): void => { if (signal.aborted || listener.getAddrs().length === 0) resolve() }
  listener.addEventListener('listening', check)
  signal.addEventListener('abort', check)
  check()
  try {
    await promise
  } finally {
    listener.removeEventListener('listening', check)
    signal.removeEventListener('abort', check)
  }
}
