import type { Command } from './command.ts'
import type { FlagTable } from './flags.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'
import { table, type Output, type Paint, type Row } from './output.ts'
import { SETTINGS, type Setting, type SettingName } from './settings/table.ts'

/** Explains `command`, or lists all. */
export const tellHelp = async (commands: readonly Command[], command: Command | undefined, output: Output): Promise<void> =>
  command
    ? output.answer(describeCommand(command), helpOf(command, output.paint))
    : output.answer({ commands: commands.map(describeCommand), options: GLOBAL_FLAGS }, overview(commands, output.paint))

export const usageOf = ({ name, usage }: Command): string => `mercury ${name}${usage === '' ? '' : ` ${usage}`}`

const overview = (commands: readonly Command[], paint: Paint): string[] => [
  'Profiles that no company keeps: signed by their owner, found by their ID.',
  '',
  ...commands.map(({ name, summary }) => `  ${paint('bold', name.padEnd(11))} ${summary}`),
  '',
  'With every command:',
  ...table(flagRows(GLOBAL_FLAGS), paint),
  '',
  `Start with ${paint('bold', 'mercury init')}. More, with an example: ${paint('bold', 'mercury help COMMAND')}`
]

const helpOf = (command: Command, paint: Paint): string[] => [
  `${paint('bold', usageOf(command))}: ${command.summary}`,
  ...(command.details === undefined ? [] : ['', command.details]),
  ...(command.settings ? ['', 'Settings: an option, else a variable of the environment, else a line of mercury.config.yaml.', 'In the environment several values are separated by spaces.', '', ...table(settingRows(command.settings), paint)] : []),
  ...(command.flags && !command.settings ? ['', 'Options:', ...table(flagRows(command.flags), paint)] : []),
  '',
  ...command.examples.flatMap(({ line, explains }) => [`  ${paint('dim', `# ${explains}`)}`, `  ${line}`])
]

const flagRows = (flags: FlagTable): Row[] => Object.entries(flags).map(([name, { type, value, summary }]) => [`--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`, summary])

const settingRows = (names: readonly SettingName[]): Row[] => names.map((name) => {
  const { flag, variable, key, value, summary, default: otherwise } = SETTINGS[name] as Setting
  const elsewhere = [variable, ...(key === undefined ? [] : [`${key}:`])].join(', ')
  return [flag === undefined ? `${key ?? variable}: ${value}` : `--${flag} ${value}`, `${summary}\n${elsewhere}${otherwise === undefined ? '' : `; default: ${otherwise}`}`]
})

const describeCommand = (command: Command) => {
  const { name, summary, details, flags, settings, examples } = command
  return { name, usage: usageOf(command), summary, details, options: flags ?? {}, ...(settings ? { settings: settings.map(describeSetting) } : {}), examples }
}

const describeSetting = (name: SettingName) => {
  const { flag, variable, key, form, value, summary, default: otherwise } = SETTINGS[name] as Setting
  return { option: flag, variable, key, is: form.says, value, default: otherwise, summary }
}
