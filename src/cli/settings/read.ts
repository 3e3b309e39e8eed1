import { dirname } from 'node:path'
import { MercuryError } from '../../errors.ts'
import type { Config } from '../config-file.ts'
import type { Flags } from '../flags.ts'
import { MisuseError } from '../misuse.ts'
import type { Form } from './form.ts'
import { SETTINGS, type Setting, type SettingName, type SettingValues } from './table.ts'

/** A setting of the environment that cannot be used. */
export class InvalidSettingError extends MercuryError {
  override readonly name = 'InvalidSettingError'
  constructor (message: string) {
    super('INVALID_SETTING', message)
  }
}

export interface SettingSources {
  readonly flags: Flags
  /** An empty variable is none. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly config: Config
  /** File names of options and of the environment are from here; those of the file from where it is. */
  readonly cwd: string
}

const MAX_SHOWN = 80

/**
 * The settings of these names, each from where it is set first: option, environment, file.
 *
 * @throws MisuseError for an option, InvalidSettingError for the environment, InvalidConfigError for the file: each names the setting and what it may be
 */
export const readSettings = <Name extends SettingName>(names: readonly Name[], sources: SettingSources): SettingValues<Name> =>
  Object.fromEntries(names.flatMap((name) => {
    const value = readSetting(SETTINGS[name] as Setting, sources)
    return value === undefined ? [] : [[name, value]]
  })) as SettingValues<Name>

const readSetting = ({ flag, variable, key, form }: Setting, { flags, env, config, cwd }: SettingSources): unknown => {
  const given = flag === undefined ? undefined : flags.texts(flag)
  if (given) return form.read(given, cwd) ?? fail(new MisuseError(`--${flag} is ${form.says}; got ${shown(given)}`))
  const text = env[variable]?.trim() ?? ''
  if (text !== '') return form.read(splitText(text, form), cwd) ?? fail(new InvalidSettingError(`${variable} in the environment is ${form.says}; got ${shown([text])}`))
  if (key === undefined || !Object.hasOwn(config.values, key)) return undefined
  const texts = textsOf(config.values[key], form)
  return (texts && form.read(texts, dirname(config.path))) ?? fail(config.refuse(`${key} is ${form.says}`))
}

const splitText = (text: string, { count }: Form<unknown>): readonly string[] => (count === 'one' ? [text] : text.split(/\s+/))

/** A value of a file as the texts that options would have. */
const textsOf = (value: unknown, { count, number }: Form<unknown>): readonly string[] | undefined => {
  const isText = (item: unknown): item is string => typeof item === 'string' && item !== ''
  if (Array.isArray(value)) return count !== 'one' && value.every(isText) ? value : undefined
  if (count === 'many') return undefined
  return isText(value) ? [value] : number && typeof value === 'number' ? [String(value)] : undefined
}

/** Places in the environment may hold what should not be in a log. */
const shown = (texts: readonly string[]): string => (texts.some((text) => text.includes('@')) ? 'something else' : JSON.stringify(texts.join(' ').slice(0, MAX_SHOWN)))

const fail = (error: Error): never => { throw error }
