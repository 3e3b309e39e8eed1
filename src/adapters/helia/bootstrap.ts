import { setTimeout as delay } from 'node:timers/promises'
import type { Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { MINUTE_MS, SECOND_MS } from '../../limits.ts'

const CHECK_MS = 10 * SECOND_MS

/**
 * Dials `addresses` at once, and again as long as the node has no connection: after 1 s, 2 s, 4 s, … at most a minute.
 *
 * @returns when `signal` aborts
 */
export const stayConnected = async (libp2p: Libp2p, addresses: readonly Multiaddr[], signal: AbortSignal): Promise<void> => {
  let rounds = 0
  while (!signal.aborted) {
    const connected = libp2p.getConnections().length > 0
    if (connected) rounds = 0
    // An address that does not answer is tried again in the next round, so its failure is no news.
    else await Promise.allSettled(addresses.map(async (address) => libp2p.dial(address, { signal })))
    try {
      await delay(connected ? CHECK_MS : Math.min(2 ** rounds++ * SECOND_MS, MINUTE_MS), undefined, { signal, ref: false })
    } catch {
      // Aborted: the loop ends.
    }
  }
}
