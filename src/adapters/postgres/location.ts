import type { ClientConfig } from 'pg'
import { InvalidUrlError } from '../http-client.ts'

/** The parameters that a URL may carry; `sslmode` `require` and `verify-ca` check the certificate as `verify-full` does. */
const SSL_BY_MODE: Readonly<Record<string, boolean>> = { 'disable': false, 'require': true, 'verify-ca': true, 'verify-full': true }

/**
 * `postgres://user:password@host:port/database`, every part optional; what is left out is pg's affair: `PGHOST`, `PGPASSWORD`, … of the environment.
 *
 * Takes two parameters: `sslmode` (`disable`, `require`, `verify-ca`, `verify-full`) and `host`, the folder of a Unix socket.
 * Any other could undo what a store relies on. No error tells a part of `text`.
 *
 * @throws InvalidUrlError
 */
export const parsePostgresUrl = (text: string): ClientConfig => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol)) throw new InvalidUrlError('it is not postgres://…')
  if (url.hash !== '') throw new InvalidUrlError('it has a fragment; a # in a password is written %23')
  const { sslmode, host: folder, ...others } = Object.fromEntries(url.searchParams)
  if (Object.keys(others).length > 0) throw new InvalidUrlError('it has parameters other than sslmode and host')
  if (folder !== undefined && !folder.startsWith('/')) throw new InvalidUrlError('its parameter host is not the folder of a socket')
  if (sslmode !== undefined && !Object.hasOwn(SSL_BY_MODE, sslmode)) throw new InvalidUrlError(`its sslmode is none of ${Object.keys(SSL_BY_MODE).join(', ')}`)
  const database = decoded(url.pathname.slice(1))
  if (database?.includes('/')) throw new InvalidUrlError('its path is not one database')
  return {
    host: folder ?? decoded(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: url.port === '' ? undefined : Number(url.port),
    database,
    user: decoded(url.username),
    password: decoded(url.password),
    ...(sslmode === undefined ? {} : { ssl: SSL_BY_MODE[sslmode] })
  }
}

/** What errors and logs may tell of a connection. */
export const locationOf = ({ host, port, database }: { host: string; port: number; database?: string | undefined }): string => `${host}:${port}/${database ?? ''}`

const decoded = (part: string): string | undefined => {
  try {
    return part === '' ? undefined : decodeURIComponent(part)
  } catch {
    // The cause would tell the part.
    throw new InvalidUrlError('it has a % that starts no escape')
  }
}
