import { join } from 'node:path'
import { MercuryError } from '../errors.ts'
import { suggest } from './misuse.ts'
import { readUserFile } from './read-file.ts'
import { SETTINGS, type Setting } from './settings/table.ts'
import { parseYamlMap } from './yaml-map.ts'

/** What the file says, each under the key of a setting; its values are not looked at yet. */
export interface Config {
  readonly path: string
  readonly values: Readonly<Record<string, unknown>>
  /** The error of a value that cannot be used. */
  refuse(reason: string): InvalidConfigError
}

export const CONFIG_FILE = 'mercury.config.yaml'
const MAX_CONFIG_BYTES = 65_536

/** A configuration file that cannot be used; `line` where it is known. */
export class InvalidConfigError extends MercuryError {
  override readonly name = 'InvalidConfigError'
  readonly line?: number
  constructor (path: string, reason: string, { line, ...options }: ErrorOptions & { line?: number } = {}) {
    super('INVALID_CONFIG', `${path} cannot be used: ${reason}${line === undefined ? '' : ` (line ${line})`}`, options)
    if (line !== undefined) this.line = line
  }
}

/**
 * Reads the configuration: the file that was named, or {@link CONFIG_FILE} in the directory, or none where that is not there.
 *
 * The working folder is not looked into: a file that somebody else left there must not choose where profiles go.
 *
 * @throws InvalidConfigError, LimitError over 64 KiB, MercuryError `FILE_NOT_FOUND` for a file that was named
 */
export const readConfig = async ({ named, directory }: { named: string | undefined; directory: string }): Promise<Config> => {
  const path = named ?? join(directory, CONFIG_FILE)
  try {
    return parseConfig(path, await readUserFile(path, 'configuration bytes', MAX_CONFIG_BYTES))
  } catch (error) {
    if (named === undefined && error instanceof MercuryError && error.code === 'FILE_NOT_FOUND') return createConfig(path, {})
    throw error
  }
}

const KEYS = Object.values(SETTINGS as Readonly<Record<string, Setting>>).flatMap(({ key }) => (key === undefined ? [] : [key]))

const parseConfig = (path: string, bytes: Uint8Array): Config => {
  const values = parseYamlMap(bytes, (reason, options) => new InvalidConfigError(path, reason, options))
  const odd = Object.keys(values).find((key) => !KEYS.includes(key))
  if (odd !== undefined) throw new InvalidConfigError(path, `it has no setting ${JSON.stringify(odd.slice(0, 80))}${suggest(odd, KEYS) || `; there are ${KEYS.join(', ')}`}`)
  return createConfig(path, values)
}

const createConfig = (path: string, values: Config['values']): Config => ({ path, values, refuse: (reason) => new InvalidConfigError(path, reason) })
