import type { ReadStream } from 'node:tty'

const ENTER = /^[\r\n]$/
const INTERRUPT = '\u0003'
const END = '\u0004'
const ERASE = /^[\b\u007f]$/
const ERASE_LINE = '\u0015'
const ESCAPE = '\u001b'
const MAX_LENGTH = 4_096

export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
}

/**
 * One line as it is typed into a terminal, echoed by `echo` unless that is left out. What comes after its end waits in `input`.
 * The terminal's own echo is off before `prompt` is called, so that not even the fastest answer is shown.
 *
 * @throws InterruptedError on Ctrl-C; the reason of `signal`
 */
export const readLine = async (input: ReadStream, { prompt, echo = () => undefined, signal }: { prompt: () => Promise<void>; echo?: (text: string) => void; signal: AbortSignal }): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let line: string[] = []
  const take = (typed: string): void => {
    // Arrow keys and their like; there is no line editing but erasing.
    if (typed.startsWith(ESCAPE)) return
    const characters = Array.from(typed)
    for (const [i, character] of characters.entries()) {
      if (ENTER.test(character) || character === END) {
        const rest = characters.slice(i + 1).join('').replace(/^\n/, '')
        if (rest !== '') input.unshift(rest, 'utf8')
        resolve(line.join(''))
        return
      }
      if (character === INTERRUPT) reject(new InterruptedError('interrupted'))
      else if (ERASE.test(character)) echo(line.pop() === undefined ? '' : '\b \b')
      else if (character === ERASE_LINE) {
        echo('\b \b'.repeat(line.length))
        line = []
      } else if (character >= ' ' && line.length < MAX_LENGTH) {
        line.push(character)
        echo(character)
      }
    }
  }
  const end = (): void => resolve(line.join(''))
  const abort = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', abort, { once: true })
  input.setEncoding('utf8').setRawMode(true)
  input.on('data', take).once('end', end).once('error', reject).resume()
  try {
    signal.throwIfAborted()
    await prompt()
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
    input.off('data', take).off('end', end).off('error', reject).pause()
    input.setRawMode(false)
  }
}
