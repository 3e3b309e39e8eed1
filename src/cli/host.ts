import type { Home } from '../home.ts'
import type { Mercury } from '../node.ts'
import type { Persona } from '../identity/seed.ts'

/** A terminal, file or pipe that is written to. */
export interface Sink {
  readonly isTerminal: boolean
  readonly hasColours: boolean
  /** Characters a line and lines, of a terminal. */
  readonly columns: number
  readonly rows: number
  /** Resolved when there is room for more; bytes go out as they are. */
  write(data: string | Uint8Array): Promise<void>
}

/** What the user types or pipes in. */
export interface Source {
  /** Everything up to its end. @throws LimitError over `maxBytes` */
  read(maxBytes: number): Promise<Uint8Array>
  readonly isTerminal: boolean
  /** One line from the terminal, without its end; with `hidden`, what is typed is not shown. @throws MercuryError `NO_TERMINAL` */
  ask(question: string, options?: { hidden?: boolean }): Promise<string>
}

/** The home of `mercury serve`, for the commands that run inside it. */
export interface RunningNode {
  readonly directory: string
  readonly mercury: Mercury
  readonly home: Home
  /** Takes `persona` as the one that this node speaks for. @throws PersonasWouldLinkError when that is another */
  speakFor(persona: Persona): Promise<void>
}

/** Where a command runs: a process of its own, or inside `mercury serve` for a process that asked over the socket. */
export interface Host {
  /** Relative file names are of this folder. */
  readonly cwd: string
  /** `MERCURY_PASSPHRASE` */
  readonly passphrase: string | undefined
  readonly stdout: Sink
  readonly stderr: Sink
  readonly stdin: Source
  /** Aborted when the user interrupts or has gone. */
  readonly signal: AbortSignal
  readonly node?: RunningNode
}
