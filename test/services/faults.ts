import type { Faults } from '../../src/testing/index.ts'
import { openRelay } from '../relay.ts'
import type { Service } from './service.ts'

export interface RelayedService extends Faults {
  /** Where the service is reached, through a relay. */
  readonly port: number
  /** Ends the relay, not the service. */
  close(): Promise<void>
}

/**
 * Puts a relay before `service`, so that everything can go wrong between the two.
 *
 * @param port the one to stand before; the service's own by default
 * @param encode how the service writes content into its answers; as it is by default
 */
export const openFaults = async (service: Pick<Service, 'port' | 'start' | 'stop'>, { port = service.port, encode = (content: Uint8Array): Uint8Array => content }: { port?: number; encode?: (content: Uint8Array) => Uint8Array } = {}): Promise<RelayedService> => {
  const relay = await openRelay({ port })
  return {
    port: relay.port,
    start: () => service.start(),
    stop: () => service.stop(),
    slow: (delayMs) => relay.slow(delayMs),
    stall: () => relay.stall(),
    cut: (content) => relay.cut(encode(content)),
    corrupt: (content) => relay.corrupt(encode(content)),
    heal: () => relay.heal(),
    connections: () => relay.open,
    unanswered: () => relay.unanswered,
    spoilt: () => relay.spoilt,
    close: () => relay.close()
  }
}
