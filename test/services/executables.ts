import { accessSync, constants, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** A real server that is not an npm package, or a browser. */
export type ServiceName = 'Caddy' | 'Chromium' | 'Kubo' | 'PostgreSQL' | 'S3'

/** Where `npm run services` put its program; `undefined` when it has not run. */
export const executableOf = (service: ServiceName): string | undefined => {
  if (service === 'PostgreSQL') return newestPostgres()
  if (service === 'Chromium') return executable('/usr/bin/chromium')
  if (service === 'Caddy') return executable('/usr/bin/caddy')
  const built = process.env.MERCURY_SERVICES ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mercury-services')
  return executable(join(built, 'bin', service === 'Kubo' ? 'ipfs' : 'rclone'))
}

const DEBIAN_POSTGRES = '/usr/lib/postgresql'

const newestPostgres = (): string | undefined => {
  const versions = readable(DEBIAN_POSTGRES).sort((a, b) => Number(b) - Number(a))
  return versions.map((version) => executable(join(DEBIAN_POSTGRES, version, 'bin', 'postgres'))).find((path) => path !== undefined)
}

const readable = (directory: string): string[] => {
  try {
    return readdirSync(directory)
  } catch {
    // It is not there: nothing is installed.
    return []
  }
}

const executable = (path: string): string | undefined => {
  try {
    accessSync(path, constants.X_OK)
    return path
  } catch {
    return undefined
  }
}
