import { MercuryError } from '../errors.ts'
import { BrokenClauseError, assert } from './assert.ts'
import type { Setup } from './clause.ts'
import { tells } from './secret.ts'

/** What can be done to the real server behind an adapter, and to the way there. */
export interface Faults {
  /** Ends the server as a crash would; what it has stored stays. */
  stop(): Promise<void>
  /** Starts it again, in the same place. */
  start(): Promise<void>
  /** Every byte arrives so much later. */
  slow(delayMs: number): void
  /** Requests are taken and never answered, nor are their connections ended. */
  stall(): void
  /** Answers that carry `content` break off in the middle of it. */
  cut(content: Uint8Array): void
  /** One byte of `content` is another in every answer that carries it. */
  corrupt(content: Uint8Array): void
  /** Undoes `slow`, `stall`, `cut` and `corrupt`. */
  heal(): void
  /** Connections to the server that are open now. */
  connections(): number
  /** Those of them that were sent something and have not been answered since. */
  unanswered(): number
  /** Answers that `cut` and `corrupt` have spoilt so far: a fault that finds nothing to spoil shows nothing. */
  spoilt(): number
}

export interface FaultySetup<Subject> extends Setup<Subject> {
  readonly faults: Faults
  /** Opens the subject with credentials that the server refuses; absent where it asks for none. */
  openRefused?(): Promise<Subject>
  /** What must stand in no error: passwords, keys, tokens. */
  readonly secrets?: readonly string[]
  /** Leaves the server less room than is then written: a block of 1 MB, values of 32 MB, or a record. Absent where that cannot be arranged. */
  fill?(): Promise<void>
  /** Makes room again, and has the server running. */
  makeRoom?(): Promise<void>
  /** How long a call may take before it counts as one that never ends, in milliseconds; a sixth of it for what ends at once. @default 30 s */
  readonly patienceMs?: number
}

/** The part of a set-up that says how a call has to end. */
export type Manners = Pick<FaultySetup<unknown>, 'secrets' | 'patienceMs'>

/** `work` rejects with a typed error that tells no secret, or resolves where `mayResolve`. @returns whether it resolved */
export const settlesWell = async (work: Promise<unknown>, what: string, { secrets, patienceMs = PATIENCE_MS }: Manners, { mayResolve = false }: { mayResolve?: boolean } = {}): Promise<boolean> => {
  try {
    await endsWithin(work, patienceMs, what)
  } catch (error) {
    if (error instanceof BrokenClauseError) throw error
    assertTyped(error, what, secrets)
    return false
  }
  assert(mayResolve, `${what}: resolved although it could not be done`)
  return true
}

/** As {@link settlesWell}. @returns what it resolved with, in a list of one or none */
export const outcomeOf = async <T>(work: Promise<T>, what: string, manners: Manners): Promise<[T] | []> => {
  const isDone = await settlesWell(work, what, manners, { mayResolve: true })
  return isDone ? [await work] : []
}

/** A MercuryError with a stable code, which tells no secret, in its causes neither. */
const assertTyped = (error: unknown, what: string, secrets: readonly string[] = []): void => {
  assert(error instanceof MercuryError && /^[A-Z][A-Z0-9_]+$/.test(error.code), `${what}: rejected with ${String(error)}, which is not a typed error`)
  for (const secret of secrets) assert(!tells(error, secret), `${what}: its error tells a secret`)
}

/** A subject that the server refuses: it may do so when it is opened already, or at the first call. @returns `undefined` when it has */
export const openOrRefuse = async <Subject>({ openRefused, ...manners }: FaultySetup<Subject>): Promise<Subject | undefined> => (await outcomeOf(openRefused!(), 'open', manners))[0]

/** Rejects with the reason of its signal although nobody answers, and leaves no connection that waits. */
export const abortsAtOnce = async (call: (signal: AbortSignal) => Promise<unknown>, what: string, setup: FaultySetup<unknown>): Promise<void> => {
  const controller = new AbortController()
  const reason = new Error('the reason')
  const outcome = call(controller.signal).then(() => 'resolved', (error: unknown) => error)
  await untilSent(setup)
  controller.abort(reason)
  const settled = await endsAtOnce(outcome, what, setup)
  assert(settled === reason, `${what}: ${String(settled)} instead of the reason of the signal`)
  await untilNoneWaits(what, setup)
}

/** Resolves when no connection waits for an answer. */
export const untilNoneWaits = async (what: string, { faults, patienceMs = PATIENCE_MS }: FaultySetup<unknown>): Promise<void> => {
  for (let waitedMs = 0; faults.unanswered() > 0; waitedMs += 10) {
    assert(waitedMs < patienceMs / AT_ONCE_PART, `${what}: a connection stays open that waits for an answer`)
    await pause(10)
  }
}

/** Resolves when at most `count` connections are open. Those that wait for nothing may be kept for a while: Node's `fetch` does so for 4 s. */
export const connectionsFallTo = async (count: number, { faults, patienceMs = PATIENCE_MS }: FaultySetup<unknown>): Promise<void> => {
  for (let waitedMs = 0; faults.connections() > count; waitedMs += 10) {
    assert(waitedMs < patienceMs, `${faults.connections()} connections stay open, ${count} before`)
    await pause(10)
  }
}

/** Gives what was called the time to reach the server. */
export const untilSent = async ({ faults }: FaultySetup<unknown>): Promise<void> => turns(() => faults.unanswered() > 0)

/** As long as a server is gone that crashed. What an adapter does by itself meanwhile is in vain. */
export const whileGone = (): Promise<void> => turns(() => false)

/** @throws BrokenClauseError when `work` has no outcome soon */
export const endsAtOnce = <T>(work: Promise<T>, what: string, { patienceMs = PATIENCE_MS }: Manners): Promise<T> => endsWithin(work, patienceMs / AT_ONCE_PART, what)

/** @throws BrokenClauseError when `work` has no outcome in time */
const endsWithin = async <T>(work: Promise<T>, ms: number, what: string): Promise<T> => {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new BrokenClauseError(`${what}: not ended after ${ms} ms`)), ms)
  try {
    return await Promise.race([late, work])
  } finally {
    clearTimeout(timer)
  }
}

const PATIENCE_MS = 30_000
/** Of that. */
const AT_ONCE_PART = 6

/** A hundred turns of the event loop, however slow the machine is, or fewer when there is enough. */
const turns = async (isEnough: () => boolean): Promise<void> => {
  for (let turn = 0; turn < 100 && !isEnough(); turn++) await pause(1)
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
