import type { IncomingMessage } from 'node:http'
import { MercuryError } from '../errors.ts'

/**
 * At which of its own origins a request reached the home. `Host` must name one of them: a signature for another home's URL is none for this one.
 *
 * @param publicUrls where a reverse proxy or a name in the DNS leads here from
 * @throws MercuryError `INVALID_URL`
 */
export const createOrigins = (publicUrls: readonly string[], port: () => number): ((request: IncomingMessage) => readonly string[]) => {
  const named = publicUrls.map((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') throw new MercuryError('INVALID_URL', 'a public URL is http or https, a host and a port alone, such as https://home.example')
    return url
  })
  return ({ headers: { host = '' }, socket: { localAddress = '' } }) => {
    const given = host.toLowerCase()
    const local = localHosts(localAddress).map((name) => `${name}:${port()}`)
    const listening = local.includes(given) || (port() === 80 && local.includes(`${given}:80`)) ? [`http://${given}`] : []
    return [...new Set([...named.filter((url) => url.host === given || `${url.hostname}:${url.port || defaultPort(url)}` === given).map(({ origin }) => origin), ...listening])]
  }
}

/** The address that the connection came to, which no header can change. */
const localHosts = (localAddress: string): string[] => {
  const address = localAddress.replace(/^::ffff:(?=.*\.)/, '')
  const isLoopback = address === '::1' || address.startsWith('127.')
  return [address.includes(':') ? `[${address}]` : address, ...(isLoopback ? ['localhost'] : [])]
}

const defaultPort = ({ protocol }: URL): string => (protocol === 'https:' ? '443' : '80')
