import type { Session } from './session.ts'

const MAX_WORDS_BYTES = 1_024

/** The words, from the terminal or a pipe; never from the command line, which other users of the machine can see. */
export const readWords = async ({ host: { stdin } }: Session): Promise<string> =>
  stdin.isTerminal ? stdin.ask('Your words, on one line: ') : new TextDecoder().decode(await stdin.read(MAX_WORDS_BYTES))
