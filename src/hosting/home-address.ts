import { MercuryError } from '../errors.ts'

const HOST_PROTOCOLS = ['ip4', 'ip6', 'dns', 'dns4', 'dns6']
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/**
 * The base URL, with a slash at its end, of the HTTP side of a home that a multiaddr names: `/dns4/home.example/tcp/443/https`, `/ip4/…/tcp/8080/http` or `…/tls/http`.
 *
 * @returns `undefined` for a multiaddr of anything else, or none at all: it came out of somebody's document
 */
export const urlOfAddress = (address: string): string | undefined => {
  const [start, protocol = '', host = '', transport, port = '', ...rest] = address.split('/')
  const scheme = schemeOf(rest.join('/'))
  if (start !== '' || transport !== 'tcp' || !HOST_PROTOCOLS.includes(protocol) || !/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535 || !scheme) return undefined
  if (host.includes('@') || host.includes('%')) return undefined
  const text = `${scheme}://${protocol === 'ip6' ? `[${host}]` : host}:${port}/`
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.pathname === '/' && url.search === '' && url.hash === '' ? url.href : undefined
}

/**
 * The multiaddr of a home's HTTP side.
 *
 * @param text http or https, of a host and a port alone
 * @throws MercuryError `INVALID_URL`
 */
export const addressOfUrl = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const scheme = url?.protocol.slice(0, -1) ?? ''
  const port = url?.port || DEFAULT_PORTS[scheme]
  if (!url || port === undefined || url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '') throw new MercuryError('INVALID_URL', 'the URL of a home is http or https, a host and a port alone, such as https://home.example')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const protocol = host.includes(':') ? 'ip6' : /^\d+(\.\d+){3}$/.test(host) ? 'ip4' : 'dns'
  return `/${protocol}/${host}/tcp/${port}/${scheme}`
}

const schemeOf = (protocols: string): 'http' | 'https' | undefined => {
  if (protocols === 'http') return 'http'
  return protocols === 'https' || protocols === 'tls/http' ? 'https' : undefined
}
