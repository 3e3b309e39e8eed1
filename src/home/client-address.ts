import { BlockList, isIP } from 'node:net'
import { MercuryError } from '../errors.ts'

/** Says whom a request counts for. */
export interface ClientAddresses {
  /** Whether what this address says of whom it speaks for is believed. */
  isProxy(remoteAddress: string): boolean
  /** @param forwardedFor the value of `X-Forwarded-For`, looked at only where it comes from a proxy that is trusted */
  clientOf(remoteAddress: string, forwardedFor: string | undefined): string
}

/**
 * @param trustProxy addresses, or networks such as 10.0.0.0/8, of reverse proxies: what they forward counts for the last address in
 * `X-Forwarded-For` that is not such a proxy itself
 * @throws MercuryError `INVALID_ARGUMENT`
 */
export const createClientAddresses = (trustProxy: readonly string[]): ClientAddresses => {
  const proxies = new BlockList()
  for (const text of trustProxy) addTo(proxies, text)
  const isProxy = (text: string): boolean => {
    const address = plainAddress(text)
    return trustProxy.length > 0 && isIP(address) !== 0 && proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return {
    isProxy,
    clientOf (remoteAddress, forwardedFor) {
      if (forwardedFor === undefined || !isProxy(remoteAddress)) return networkOf(remoteAddress)
      const last = forwardedFor.split(',').map((entry) => entry.trim()).findLast((entry) => !isProxy(entry))
      return networkOf(last !== undefined && isIP(plainAddress(last)) !== 0 ? last : remoteAddress)
    }
  }
}

const addTo = (proxies: BlockList, text: string): void => {
  const [address = '', bits] = text.split('/')
  const family = isIP(address)
  const prefix = bits === undefined ? undefined : Number(bits)
  if (family === 0 || (prefix !== undefined && !(Number.isInteger(prefix) && prefix >= 0 && prefix <= (family === 6 ? 128 : 32)))) throw new MercuryError('INVALID_ARGUMENT', `a proxy is an IP address or a network such as 10.0.0.0/8; got ${JSON.stringify(text.slice(0, 80))}`)
  if (prefix === undefined) proxies.addAddress(address, family === 6 ? 'ipv6' : 'ipv4')
  else proxies.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4')
}

const plainAddress = (address: string): string => (address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address)

/** One host may have 2^64 IPv6 addresses: its network counts. */
export const networkOf = (text: string): string => {
  const address = plainAddress(text)
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  return [...groups, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...(tail ?? '').split(':')].slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, '')).join(':')
}
