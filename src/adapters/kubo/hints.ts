import { lookup } from 'node:dns/promises'
import { MAX_ADDRESS_BYTES } from '../../limits.ts'
import { isPrivateHost } from '../private-address.ts'

const MAX_HINTS = 4

/**
 * Which of `hints` a node may be asked to dial: multiaddrs with a peer ID, of the first four.
 *
 * Hints come from strangers' documents. Unless `allowPrivate`, none leads to a private address: a name is resolved here and its address given on,
 * so that the node cannot be made to look it up once more; what is neither an address nor a name is passed over.
 */
export const dialable = async (hints: readonly string[], { allowPrivate, resolve = resolveByDns }: { allowPrivate: boolean; resolve?: Resolve }): Promise<string[]> => {
  const addresses = hints.filter(isAddress).slice(0, MAX_HINTS)
  if (allowPrivate) return addresses
  const resolved = await Promise.all(addresses.map(async (address) => toPublic(address, resolve)))
  return resolved.filter((address) => address !== undefined)
}

/** All addresses of a name, of one family or, for 0, of both. */
type Resolve = (name: string, family: 0 | 4 | 6) => Promise<readonly { address: string; family: number }[]>

const resolveByDns: Resolve = (name, family) => lookup(name, { all: true, family })

const isAddress = (hint: string): boolean => hint.length <= MAX_ADDRESS_BYTES && /^(\/[\w.:~%-]+)+$/.test(hint) && /\/p2p\/\w+$/.test(hint)

const toPublic = async (address: string, resolve: Resolve): Promise<string | undefined> => {
  const [, protocol = '', host = '', ...rest] = address.split('/')
  // A relay's address may stand before the peer's: one host is all that is looked at.
  if (rest.some((part) => /^(ip[46]|ip6zone|dns|dns4|dns6|dnsaddr|ipcidr)$/.test(part))) return undefined
  if (protocol === 'ip4') return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) && !isPrivateHost(host) ? address : undefined
  if (protocol === 'ip6') return host.includes(':') && !isPrivateHost(host) ? address : undefined
  if (protocol !== 'dns' && protocol !== 'dns4' && protocol !== 'dns6') return undefined
  const found = await publicAddressOf(host, protocol, resolve)
  return found && [`/${found.family === 4 ? 'ip4' : 'ip6'}`, found.address, ...rest].join('/')
}

const publicAddressOf = async (name: string, protocol: string, resolve: Resolve): Promise<{ address: string; family: number } | undefined> => {
  if (isPrivateHost(name)) return undefined
  try {
    const found = await resolve(name, protocol === 'dns4' ? 4 : protocol === 'dns6' ? 6 : 0)
    return found.some(({ address }) => isPrivateHost(address)) ? undefined : found[0]
  } catch {
    // A name that does not resolve leads nowhere.
    return undefined
  }
}
