import type { Command } from '../command.ts'
import type { Flag, FlagTable } from '../flags.ts'
import { GLOBAL_FLAGS } from '../global-flags.ts'

/** A completion function for zsh's own system. */
export const zshCompletion = (commands: readonly Command[]): string => `#compdef mercury
_mercury() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C \\
${argumentsOf(GLOBAL_FLAGS)} \\
    '1:command:->command' \\
    '*::word:->words'
  case $state in
    command)
      local -a commands=(
${commands.map(({ name, summary }) => `        ${quote(`${name}:${summary}`)}`).join('\n')}
      )
      _describe command commands ;;
    words)
      case $words[1] in
${commands.map((command) => `        ${command.name}) _arguments \\\n${argumentsOf({ ...command.flags, ...GLOBAL_FLAGS })}${wordOf(command, commands)} ;;`).join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = _mercury ]; then _mercury "$@"; else compdef _mercury mercury; fi
`

const argumentsOf = (flags: FlagTable): string => Object.entries(flags).map(([name, flag]) => `    ${quote(argumentOf(name, flag))}`).join(' \\\n')

const argumentOf = (name: string, { type, multiple, summary, choices }: Flag): string => {
  const value = name === 'directory' ? ':directory:_files -/' : type === 'boolean' ? '' : choices ? `:value:(${choices.join(' ')})` : ':value:'
  return `${multiple ? '*' : ''}--${name}[${summary.replace(/[[\]:]/g, '\\$&')}]${value}`
}

const wordOf = ({ name, completes }: Command, commands: readonly Command[]): string => {
  const choices = name === 'help' ? commands.map((command) => command.name) : completes
  if (choices === undefined) return ''
  return ` \\\n    ${quote(choices === 'file' ? '1:file:_files' : `1:word:(${choices.join(' ')})`)}`
}

const quote = (text: string): string => `'${text.replaceAll('\'', '\'\\\'\'')}'`
