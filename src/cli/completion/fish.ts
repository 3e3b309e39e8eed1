import type { Command } from '../command.ts'
import type { Flag, FlagTable } from '../flags.ts'
import { GLOBAL_FLAGS } from '../global-flags.ts'

/** Completions for fish. */
export const fishCompletion = (commands: readonly Command[]): string => [
  '# fish completion for mercury',
  'complete -c mercury -f',
  ...commands.map(({ name, summary }) => `complete -c mercury -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`),
  ...flagLines(GLOBAL_FLAGS, ''),
  ...commands.flatMap((command) => [...flagLines(command.flags ?? {}, ` -n ${quote(`__fish_seen_subcommand_from ${command.name}`)}`), ...wordLines(command, commands)]),
  ''
].join('\n')

const flagLines = (flags: FlagTable, condition: string): string[] => Object.entries(flags).map(([name, flag]) => `complete -c mercury${condition} -l ${name} -d ${quote(flag.summary)}${valueOf(name, flag)}`)

const valueOf = (name: string, { type, choices }: Flag): string => {
  if (type === 'boolean') return ''
  if (name === 'directory') return ' -r -a "(__fish_complete_directories)"'
  return choices ? ` -x -a ${quote(choices.join(' '))}` : ' -x'
}

const wordLines = ({ name, completes }: Command, commands: readonly Command[]): string[] => {
  const condition = ` -n ${quote(`__fish_seen_subcommand_from ${name}`)}`
  if (completes === 'file') return [`complete -c mercury${condition} -F`]
  const choices = name === 'help' ? commands.map((command) => command.name) : completes
  return choices ? [`complete -c mercury${condition} -a ${quote(choices.join(' '))}`] : []
}

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll('\'', '\\\'')}'`
