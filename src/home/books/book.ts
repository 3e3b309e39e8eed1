import { setTimeout as delay } from 'node:timers/promises'
import { ConflictError } from '../../errors.ts'
import type { KeyValueStore, Operation } from '../../store/key-value-store.ts'

/** What every book of a home is kept with. */
export interface BookParts {
  /** The home's own part of its state, a view behind `home/`: conditional batches, durable where the state is. */
  readonly store: KeyValueStore
  /** Milliseconds since 1970. */
  clock(): number
}

export interface BookOptions {
  readonly signal?: AbortSignal
}

/** What else goes into the batch of a change: the nonce of the request that asked for it. */
export interface ChangeOptions extends BookOptions {
  readonly note?: ChangeNote
}

/** Operations for somebody else's batch. */
export interface ChangeNote {
  readonly operations: readonly Operation[]
  /** Before each attempt: throws where the batch could only fail. */
  refuseUsed(options?: BookOptions): Promise<void>
}

/** Processes that share a state get in each other's way this often at most. */
const TRIES = 64
const MAX_PAUSE_MS = 50

/**
 * Runs `attempt`, one conditional batch computed from what it read, again when somebody else was faster.
 *
 * @throws ConflictError after 64 attempts, what `attempt` throws, the signal's reason
 */
export const changing = async <T>(attempt: () => Promise<T>, { note, signal }: ChangeOptions = {}): Promise<T> => {
  for (let tries = 1; ; tries++) {
    await note?.refuseUsed({ signal })
    try {
      return await attempt()
    } catch (error) {
      if (tries === TRIES || !(error instanceof ConflictError)) throw error
    }
    // Those that met would meet again.
    await delay(Math.random() * Math.min(MAX_PAUSE_MS, tries), undefined, { signal }).catch(() => undefined)
    signal?.throwIfAborted()
  }
}

/** Milliseconds since 1970, or seconds, as 15 digits: keys are then in order of time. */
export const formatTime = (time: number): string => String(time).padStart(15, '0')
