/**
 * Whether `host`, as a URL or a multiaddr spells it, is an address that the Internet does not route, or a name reserved for such.
 *
 * Other names are not looked up: whoever dials them checks what they resolve to.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry/
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry/
 */
export const isPrivateHost = (host: string): boolean => {
  const name = host.replace(/^\[|\]$/g, '').replace(/\.$/, '').toLowerCase()
  if (name.includes(':')) return isPrivateIpv6(name)
  if (/^\d+(\.\d+){3}$/.test(name)) return isPrivateIpv4(name)
  return LOCAL_NAMES.some((local) => name === local || name.endsWith(`.${local}`))
}

const LOCAL_NAMES = ['localhost', 'local', 'internal', 'home.arpa', 'lan']

const PRIVATE_IPV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12],
  ['192.0.0.0', 24], ['192.0.2.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24],
  ['224.0.0.0', 4], ['240.0.0.0', 4]
]

const ipv4Number = (address: string): number => address.split('.').reduce((number, part) => number * 256 + Number(part), 0)

const isPrivateIpv4 = (address: string): boolean => {
  const number = ipv4Number(address)
  return PRIVATE_IPV4.some(([start, prefix]) => {
    const size = 2 ** (32 - prefix)
    return Math.floor(number / size) === ipv4Number(start) / size
  })
}

/** Only 2000::/3 is routed; 2001::/23, 2001:db8::/32 and 2002::/16 in it stand for protocols, examples and IPv4 addresses. */
const isPrivateIpv6 = (address: string): boolean => {
  const [first = 0, second = 0] = address.split(':', 2).map((group) => (group === '' ? 0 : parseInt(group, 16)))
  if (!(first >= 0x2000 && first <= 0x3fff)) return true
  return (first === 0x2001 && (second < 0x200 || second === 0xdb8)) || first === 0x2002 || (first === 0x3fff && second < 0x1000)
}
