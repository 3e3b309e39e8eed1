import type { Host, Sink } from './host.ts'
import { oneLine, toJson } from './printable.ts'

type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

const CODES: Readonly<Record<Colour, readonly [on: number, off: number]>> = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] }

/** `text` in a colour, where the sink shows colours. */
export type Paint = (colour: Colour, text: string) => string

/** A label and what it stands for. */
export type Row = readonly [label: string, value: string | undefined]

/** Answers on stdout, for people or as JSON; progress and warnings on stderr. */
export class Output {
  private readonly host: Host
  private readonly json: boolean
  private progressShown = false
  readonly paint: Paint

  constructor (host: Host, { json }: { json: boolean }) {
    this.host = host
    this.json = json
    this.paint = painter(host.stdout)
  }

  /** The answer: `document` with `--json`, else the lines. */
  async answer (document: unknown, lines: readonly string[]): Promise<void> {
    await this.clear()
    await this.host.stdout.write(this.json ? `${toJson(document)}\n` : lines.map((line) => `${line}\n`).join(''))
  }

  /** Bytes that are the answer. */
  async bytes (bytes: Uint8Array): Promise<void> {
    await this.clear()
    await this.host.stdout.write(bytes)
  }

  /** What is going on, on a terminal only; the next thing replaces it. */
  async progress (text: string): Promise<void> {
    if (!this.host.stderr.isTerminal || this.json) return
    this.progressShown = true
    await this.host.stderr.write(`\r\u001b[K${painter(this.host.stderr)('dim', oneLine(text))}`)
  }

  /** What belongs to an answer and is no part of it; on stderr, for people alone. */
  async note (text: string): Promise<void> {
    await this.clear()
    await this.host.stderr.write(`${painter(this.host.stderr)('dim', oneLine(text))}\n`)
  }

  async warn (code: string, message: string): Promise<void> {
    await this.clear()
    const text = this.json ? toJson({ warning: { code, message } }) : `mercury: ${painter(this.host.stderr)('yellow', 'warning')}: ${oneLine(message)}`
    await this.host.stderr.write(`${text}\n`)
  }

  async fail ({ code, message, ...more }: { code: string; message: string }): Promise<void> {
    await this.clear()
    const text = this.json ? toJson({ error: { code, message, ...more } }) : `mercury: ${painter(this.host.stderr)('red', oneLine(message))}`
    await this.host.stderr.write(`${text}\n`)
  }

  /** Takes the progress line away. */
  async clear (): Promise<void> {
    if (!this.progressShown) return
    this.progressShown = false
    await this.host.stderr.write('\r\u001b[K')
  }
}

/** Rows under each other, their values aligned; rows without a value are left out. */
export const table = (rows: readonly Row[], paint: Paint): string[] => {
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== undefined && row[1] !== '')
  const width = Math.max(0, ...shown.map(([label]) => label.length))
  return shown.map(([label, value]) => `  ${paint('dim', label.padEnd(width))}  ${value.replaceAll('\n', `\n  ${' '.repeat(width)}  `)}`)
}

const painter = ({ hasColours }: Sink): Paint => (colour, text) => {
  const [on, off] = CODES[colour]
  return hasColours ? `\u001b[${on}m${text}\u001b[${off}m` : text
}
