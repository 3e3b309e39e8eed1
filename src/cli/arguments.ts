import { parseArgs } from 'node:util'
import type { Command } from './command.ts'
import { Flags, type Flag, type FlagTable } from './flags.ts'
import { GLOBAL_FLAGS } from './global-flags.ts'
import { MisuseError, suggest } from './misuse.ts'

export interface Arguments {
  /** Undefined where none is named, as in `mercury --help`. */
  readonly command: Command | undefined
  readonly flags: Flags
  /** What follows the command. */
  readonly words: readonly string[]
}

/**
 * Reads a command line: options may stand anywhere, `--` ends them, and no option is guessed.
 *
 * @throws MisuseError with a suggestion where one is near
 */
export const parseArguments = (argv: readonly string[], commands: readonly Command[]): Arguments => {
  const named = wordsOf(tokenize(argv, commands))[0]
  const command = named === undefined ? undefined : findCommand(named, commands)
  // Where two commands have an option of one name, the one that was named says whether it takes a value.
  const tokens = tokenize(argv, command ? [...commands, command] : commands)
  const [, ...words] = wordsOf(tokens)
  const flags = readFlags(tokens.filter((token) => token.kind === 'option'), { ...GLOBAL_FLAGS, ...command?.flags }, command)
  if (command && !flags.has('help')) checkWords(command, words)
  return { command, flags, words }
}

const tokenize = (argv: readonly string[], commands: readonly Command[]): readonly Token[] =>
  parseArgs({ args: [...argv], options: everyOption(commands), strict: false, allowPositionals: true, tokens: true }).tokens

const wordsOf = (tokens: readonly Token[]): string[] => tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))

type Token = { readonly kind: 'positional'; readonly value: string } | ({ readonly kind: 'option' } & OptionToken) | { readonly kind: 'option-terminator' }

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

const findCommand = (name: string, commands: readonly Command[]): Command => {
  const command = commands.find((candidate) => candidate.name === name)
  if (!command) throw new MisuseError(`there is no command ${JSON.stringify(name)}${suggest(name, commands.map((candidate) => candidate.name)) || '; mercury help lists them'}`)
  return command
}

const readFlags = (given: readonly OptionToken[], known: FlagTable, command: Command | undefined): Flags => {
  const values = new Map<string, string[]>()
  for (const { name, rawName, value, inlineValue } of given) {
    const flag = rawName === '-h' ? known.help : Object.hasOwn(known, name) && rawName.startsWith('--') ? known[name] : undefined
    if (!flag) throw new MisuseError(`${command ? `mercury ${command.name}` : 'mercury'} has no option ${rawName}${suggest(name, Object.keys(known), (near) => `--${near}`)}`)
    const longName = rawName === '-h' ? 'help' : name
    values.set(longName, [...(values.get(longName) ?? []), readValue(rawName, flag, value, inlineValue === true)])
    if (values.get(longName)!.length > 1 && flag.type === 'string' && !flag.multiple) throw new MisuseError(`${rawName} can be given only once`)
  }
  return new Flags(values)
}

const readValue = (rawName: string, flag: Flag, value: string | undefined, inline: boolean): string => {
  if (flag.type === 'boolean') {
    if (inline) throw new MisuseError(`${rawName} takes no value`)
    return ''
  }
  const isMissing = value === undefined || value === '' || (!inline && value.startsWith('-') && value !== '-')
  if (isMissing) throw new MisuseError(`${rawName} needs a value: ${rawName} ${flag.value ?? 'VALUE'}`)
  if (flag.choices && !flag.choices.includes(value)) throw new MisuseError(`${rawName} must be one of ${flag.choices.join(', ')}; got ${JSON.stringify(value)}`)
  return value
}

const checkWords = ({ name, usage, words: [min, max] }: Command, words: readonly string[]): void => {
  if (words.length >= min && words.length <= max) return
  const what = words.length < min ? 'something is missing' : `${JSON.stringify(words[max])} is one word too many`
  throw new MisuseError(`${what}: the command is mercury ${name}${usage === '' ? '' : ` ${usage}`}`)
}

/** Which options take a value, of all commands together, the last one's before the others': it decides what is a word. */
const everyOption = (commands: readonly Command[]): Record<string, { type: 'boolean' | 'string' }> =>
  Object.fromEntries([GLOBAL_FLAGS, ...commands.map(({ flags }) => flags ?? {})].flatMap((table) => Object.entries(table as FlagTable)).map(([name, { type }]) => [name, { type }]))
