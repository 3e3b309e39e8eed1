import { join } from 'node:path'
import { MercuryError } from '../errors.ts'
import type { MercuryOptions } from '../node.ts'
import { suggest } from './misuse.ts'
import { readUserFile } from './read-file.ts'
import { parseYamlMap } from './yaml-map.ts'

/** What the file may set, each as `openMercury` takes it. */
export type Config = Pick<MercuryOptions, 'blocks' | 'state' | 'routers' | 'listen' | 'announce' | 'bootstrap' | 'dhtProtocol'>

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
    if (named === undefined && error instanceof MercuryError && error.code === 'FILE_NOT_FOUND') return {}
    throw error
  }
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isList = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

const SETTINGS: Readonly<Record<keyof Config, { is(value: unknown): boolean; form: string }>> = {
  blocks: { is: (value) => isText(value) || isList(value), form: 'a place, or a list of places' },
  state: { is: isText, form: 'a place' },
  routers: { is: isList, form: 'a list of places' },
  listen: { is: isList, form: 'a list of multiaddrs' },
  announce: { is: isList, form: 'a list of multiaddrs' },
  bootstrap: { is: isList, form: 'a list of multiaddrs' },
  dhtProtocol: { is: isText, form: 'the name of a protocol' }
}

const parseConfig = (path: string, bytes: Uint8Array): Config => {
  const map = parseYamlMap(bytes, (reason, options) => new InvalidConfigError(path, reason, options))
  for (const [key, value] of Object.entries(map)) {
    const setting = Object.hasOwn(SETTINGS, key) ? SETTINGS[key as keyof Config] : undefined
    if (!setting) throw new InvalidConfigError(path, `it has no setting ${JSON.stringify(key.slice(0, 80))}${suggest(key, Object.keys(SETTINGS)) || `; there are ${Object.keys(SETTINGS).join(', ')}`}`)
    if (!setting.is(value)) throw new InvalidConfigError(path, `${key} is ${setting.form}`)
  }
  return map
}
