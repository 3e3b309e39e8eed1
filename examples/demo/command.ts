import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

const mercury = new URL('../../src/cli/mercury.ts', import.meta.url).pathname

/** A child process that speaks in lines of JSON. */
export interface Talker {
  readonly child: ChildProcess
  /** The next line that `wanted` accepts; rejects when the process ends before. */
  line<T>(wanted: (line: T) => boolean): Promise<T>
  kill(signal: NodeJS.Signals): Promise<void>
}

/** Starts the command `mercury`. */
export const startMercury = (words: readonly string[]): Talker => start([mercury, ...words, '--json'])

export const start = (words: readonly string[]): Talker => {
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-4_000) })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    child,
    async line (wanted) {
      for (let next = await lines.next(); !next.done; next = await lines.next()) {
        const line = JSON.parse(next.value) as never
        if (wanted(line)) return line
      }
      throw new Error(`${words.join(' ')} ended early: ${errors}`)
    },
    async kill (signal) {
      child.kill(signal)
      await ended
    }
  }
}

/** Runs the command `mercury` to its end. @returns stdout @throws with its error when it fails */
export const runMercury = async (words: readonly string[], stdin = ''): Promise<Buffer> => {
  const child = spawn(process.execPath, [mercury, ...words], { stdio: ['pipe', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  child.stdin.end(stdin)
  const status = await new Promise((resolve) => child.once('close', resolve))
  if (status !== 0) throw new Error(`mercury ${words.join(' ')} ended with ${String(status)}: ${errors.trim()}`)
  return Buffer.concat(output)
}

/** Runs the command `mercury` with `--json`. */
export const askMercury = async <T>(words: readonly string[], stdin?: string): Promise<T> => JSON.parse((await runMercury([...words, '--json'], stdin)).toString()) as T
