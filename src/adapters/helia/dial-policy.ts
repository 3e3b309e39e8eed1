import { lookup } from 'node:dns/promises'
import type { ConnectionGater } from '@libp2p/interface'
import { isPrivateHost } from '../private-address.ts'

/**
 * Keeps a node from being sent to its owner's own network: addresses come from strangers' documents and from the DHT.
 *
 * A name is denied when any address that it resolves to is private. libp2p resolves it once more when it dials; what then answers still has to prove the peer ID of the address.
 */
export const publicOnly: ConnectionGater = {
  async denyDialMultiaddr (address) {
    for (const { name, value = '' } of address.getComponents()) {
      if ((name === 'ip4' || name === 'ip6') && isPrivateHost(value)) return true
      if ((name === 'dns' || name === 'dns4' || name === 'dns6') && await resolvesToPrivate(value)) return true
    }
    return false
  }
}

const resolvesToPrivate = async (name: string): Promise<boolean> => {
  if (isPrivateHost(name)) return true
  try {
    return (await lookup(name, { all: true })).some(({ address }) => isPrivateHost(address))
  } catch {
    // A name that does not resolve leads nowhere; the dial will say so.
    return false
  }
}
