import type { Flag, FlagTable } from '../flags.ts'
import { SETTINGS, type Setting, type SettingName } from './table.ts'

/** The option of a setting. */
export const flagOf = ({ form, value, summary }: Setting): Flag & { type: 'string' } => ({ type: 'string', value, summary, ...(form.count === 'one' ? {} : { multiple: true }) })

/** The options of those of these settings that have one. */
export const flagsOf = (names: readonly SettingName[]): FlagTable =>
  Object.fromEntries(names.flatMap((name) => {
    const setting = SETTINGS[name] as Setting
    return setting.flag === undefined ? [] : [[setting.flag, flagOf(setting)]]
  }))
