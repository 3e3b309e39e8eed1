import type { Command } from '../command.ts'
import type { FlagTable } from '../flags.ts'
import { GLOBAL_FLAGS } from '../global-flags.ts'

/** A completion function for bash 3.2 and later, without bash-completion. */
export const bashCompletion = (commands: readonly Command[]): string => `# bash completion for mercury
_mercury() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command= first= i
  case "$previous" in
    --directory) COMPREPLY=($(compgen -d -- "$word")); return ;;
${choiceCases(commands)}    ${valueFlags(commands).join('|')}) COMPREPLY=(); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${valueFlags(commands).join('|')}) ((i++)) ;;
      -*) ;;
      *) if [ -z "$command" ]; then command="\${COMP_WORDS[i]}"; else first=1; fi ;;
    esac
  done
  if [ -z "$command" ]; then
    COMPREPLY=($(compgen -W "${[...commands.map(({ name }) => name), ...flagNames(GLOBAL_FLAGS)].join(' ')}" -- "$word"))
    return
  fi
  if [ "\${word:0:1}" = - ]; then
    case "$command" in
${commands.map(({ name, flags }) => `      ${name}) COMPREPLY=($(compgen -W "${flagNames({ ...flags, ...GLOBAL_FLAGS }).join(' ')}" -- "$word")) ;;`).join('\n')}
    esac
    return
  fi
  [ -n "$first" ] && return
  case "$command" in
${commands.flatMap((command) => (command.completes === undefined && command.name !== 'help' ? [] : [`    ${command.name}) COMPREPLY=($(compgen ${wordsOf(command, commands)} -- "$word")) ;;`])).join('\n')}
  esac
}
complete -o filenames -F _mercury mercury
`

const flagNames = (flags: FlagTable): string[] => Object.keys(flags).map((name) => `--${name}`)

const allFlags = (commands: readonly Command[]): FlagTable => Object.assign({}, GLOBAL_FLAGS, ...commands.map(({ flags }) => flags ?? {})) as FlagTable

const valueFlags = (commands: readonly Command[]): string[] => Object.entries(allFlags(commands)).flatMap(([name, { type }]) => (type === 'string' ? [`--${name}`] : []))

const choiceCases = (commands: readonly Command[]): string =>
  Object.entries(allFlags(commands)).map(([name, { choices }]) => (choices ? `    --${name}) COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$word")); return ;;\n` : '')).join('')

const wordsOf = ({ name, completes }: Command, commands: readonly Command[]): string => {
  if (name === 'help') return `-W "${commands.map((command) => command.name).join(' ')}"`
  return completes === 'file' ? '-f' : `-W "${(completes ?? []).join(' ')}"`
}
