import { assert } from './assert.ts'
import type { Setup } from './clause.ts'

/** What can be done to the real server behind an adapter, and to the way there. */
export interface Faults {
  /** Ends the server as a crash would; what it has stored stays. */
  stop(): Promise<void>
  /** Starts it again, in the same place. */
  start(): Promise<void>
  /** Every byte arrives so much later. */
  slow(delayMs: number): void
  /** Requests are taken and never answered. */
  stall(): void
  /** Answers that carry `content` break off in the middle of it. */
  cut(content: Uint8Array): void
  /** One byte of `content` is another in every answer that carries it. */
  corrupt(content: Uint8Array): void
  /** Undoes `slow`, `stall`, `cut` and `corrupt`. */
  heal(): void
  /** Connections to the server that are open now. */
  connections(): number
}

export interface FaultySetup<Subject> extends Setup<Subject> {
  readonly faults: Faults
  /** Opens the subject with credentials that the server refuses; absent where it asks for none. */
  openRefused?(): Promise<Subject>
  /** What must stand in no error: passwords, keys, tokens. */
  readonly secrets?: readonly string[]
  /** Leaves the server no room to write; absent where that cannot be arranged. */
  fill?(): Promise<void>
  /** Makes room again, and has the server running. */
  makeRoom?(): Promise<void>
}

/** `work` rejects with a typed error that tells no secret, or resolves where `mayResolve`. @returns whether it resolved */
export const settlesWell = async (work: Promise<unknown>, what: string, { secrets = [], mayResolve = false }: { secrets?: readonly string[] | undefined; mayResolve?: boolean } = {}): Promise<boolean> => {
  try {
    await work
  } catch (error) {
    assertTyped(error, what, secrets)
    return false
  }
  assert(mayResolve, `${what}: resolved although it could not be done`)
  return true
}

/** An error with a stable code, which tells no secret, in its causes neither. */
export const assertTyped = (error: unknown, what: string, secrets: readonly string[] = []): void => {
  assert(typeof (error as { code?: unknown } | undefined)?.code === 'string' && /^[A-Z][A-Z0-9_]+$/.test((error as { code: string }).code) && error instanceof Error && error.name !== 'Error', `${what}: rejected with ${String(error)}, which is not a typed error`)
  for (let link: unknown = error; link instanceof Error; link = link.cause) {
    for (const secret of secrets) assert(!`${link.message}\n${link.stack}\n${JSON.stringify(link)}`.includes(secret), `${what}: its error tells a secret`)
  }
}

/** Rejects with the reason of its signal although nobody answers, and leaves no connection that waits. */
export const abortsAtOnce = async (call: (signal: AbortSignal) => Promise<unknown>, what: string): Promise<void> => {
  const controller = new AbortController()
  const reason = new Error('the reason')
  const outcome = call(controller.signal).then(() => 'resolved', (error: unknown) => error)
  await pause(20)
  controller.abort(reason)
  const settled = await outcome
  assert(settled === reason, `${what}: ${String(settled)} instead of the reason of the signal`)
}

/** Resolves when at most `count` connections are open; they are given 5 s to go. */
export const connectionsFallTo = async (count: number, faults: Faults): Promise<void> => {
  for (let waited = 0; faults.connections() > count; waited += 10) {
    assert(waited < 5_000, `${faults.connections()} connections stay open`)
    await pause(10)
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
