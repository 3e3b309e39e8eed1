import { openNetwork, type Network } from '../network.ts'

export interface TestNetwork extends Network {
  /** The options that let a command find it, and nothing else. */
  readonly flags: readonly string[]
}

/** A network of three nodes for commands to publish to and resolve from. */
export const openTestNetwork = async (): Promise<TestNetwork> => {
  const network = await openNetwork(3)
  return { ...network, flags: ['--bootstrap', network.addressOf(0), '--dht-protocol', network.dhtProtocol] }
}
