import { openSync } from 'node:fs'
import { ReadStream as TerminalInput } from 'node:tty'
import { MercuryError, StoreError, checkLimit } from '../errors.ts'
import type { Host, Sink, Source } from './host.ts'
import { readLine } from './read-line.ts'

/**
 * The process's own terminal, files and pipes.
 *
 * @param onGone is called when whoever read stdout has gone
 */
export const createProcessHost = ({ signal, onGone }: { signal: AbortSignal; onGone: () => void }): Host => {
  const stderr = createSink(process.stderr, () => undefined)
  return {
    cwd: process.cwd(),
    passphrase: process.env.MERCURY_PASSPHRASE,
    stdout: createSink(process.stdout, onGone),
    stderr,
    stdin: createSource(stderr, signal),
    signal
  }
}

/** Of a terminal that does not know its size. */
const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24

const createSink = (stream: NodeJS.WriteStream, onGone: () => void): Sink => {
  // Each write hears of its own failure; without a listener the event would end the process.
  stream.on('error', () => undefined)
  return {
    isTerminal: Boolean(stream.isTTY),
    hasColours: Boolean(stream.isTTY) && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb',
    columns: stream.columns || DEFAULT_COLUMNS,
    rows: stream.rows || DEFAULT_ROWS,
    write: async (data) => new Promise((resolve, reject) => {
      stream.write(data, (error) => {
        if (!error) return resolve()
        if (!isGone(error)) return reject(new StoreError(`the output could not be written: ${error.message}`, { cause: error }))
        onGone()
        resolve()
      })
    })
  }
}

const isGone = (error: NodeJS.ErrnoException): boolean => error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED' || error.code === 'EBADF'

const createSource = (prompt: Sink, signal: AbortSignal): Source => ({
  isTerminal: Boolean(process.stdin.isTTY),
  async read (maxBytes) {
    const parts: Buffer[] = []
    let length = 0
    for await (const part of process.stdin as AsyncIterable<Buffer>) {
      signal.throwIfAborted()
      length += part.byteLength
      checkLimit('input bytes', maxBytes, length)
      parts.push(part)
    }
    return new Uint8Array(Buffer.concat(parts))
  },
  async ask (question, { hidden = false } = {}) {
    const terminal = openTerminal()
    try {
      return await readLine(terminal, { prompt: async () => prompt.write(question), signal, ...(hidden ? {} : { echo: (text) => void process.stderr.write(text) }) })
    } finally {
      await prompt.write('\n')
      if (terminal !== process.stdin) terminal.destroy()
    }
  }
})

/** Standard input when a person types it, else the terminal that the process was started from. */
const openTerminal = (): TerminalInput => {
  if (process.stdin.isTTY) return process.stdin
  try {
    return new TerminalInput(openSync('/dev/tty', 'r+'))
  } catch (error) {
    throw new MercuryError('NO_TERMINAL', 'a question has to be answered and there is no terminal to ask on', { cause: error })
  }
}
