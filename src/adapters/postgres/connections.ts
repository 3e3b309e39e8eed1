import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from 'pg'
import { StoreError } from '../../errors.ts'
import { openConnection, type Connection, type ConnectionLimits } from './connection.ts'
import { isBusy } from './failure.ts'
import { createSlots } from '../slots.ts'

export interface ConnectionsOptions extends ConnectionLimits {
  createClient(): Client
  /** At least 2. */
  max: number
}

/**
 * At most `max` connections to one database, opened when they are needed and kept.
 *
 * Calls wait for a connection in the order in which they came, and each has one for a statement or two. An iteration may keep one for as long as its reader likes,
 * so no more than half of them are lent to iterations: writes always find the other half. An iteration that finds no such one in time fails, for it may wait for another that waits for it.
 */
export interface Connections {
  /** Runs `work` on a connection that nobody else has meanwhile. @param again the work only reads: when a connection that had rested breaks, it is done once more on a new one */
  use<T>(work: (connection: Connection) => Promise<T>, options?: { signal?: AbortSignal | undefined; again?: boolean }): Promise<T>
  /** Lends a connection to an iteration until `release`. When `signal` aborts it is closed at once. */
  lend(signal: AbortSignal): Promise<Loan>
  /** Ends those that rest; the others are ended when they are given back. Resolves when they are closed. */
  close(): Promise<void>
}

export interface Loan {
  readonly connection: Connection
  /** Gives it back, once. One that is in a transaction must be destroyed before. */
  release(): void
}

const BUSY_PAUSE_MS = 50

export const createConnections = ({ createClient, max, ...limits }: ConnectionsOptions): Connections => {
  const slots = createSlots(max)
  const loans = createSlots(Math.floor(max / 2))
  const ending = new Set<Promise<void>>()
  let resting: Connection[] = []
  let isClosed = false

  const connect = async (signal: AbortSignal | undefined): Promise<Connection> => {
    const started = performance.now()
    for (;;) {
      try {
        return await openConnection(createClient(), limits, signal)
      } catch (error) {
        if (!isBusy(error) || performance.now() - started > limits.connectTimeoutMs) throw error
        await delay(BUSY_PAUSE_MS, undefined, { signal })
      }
    }
  }

  const end = (connection: Connection): void => {
    const ended = connection.end().finally(() => ending.delete(ended))
    ending.add(ended)
  }

  /** One that rests, if it was not closed meanwhile, or a new one. */
  const acquire = async (signal: AbortSignal | undefined): Promise<{ connection: Connection; rested: boolean }> => {
    await slots.take(signal)
    try {
      for (let connection = resting.pop(); connection; connection = resting.pop()) {
        if (!connection.isOpen) continue
        connection.wake()
        return { connection, rested: true }
      }
      return { connection: await connect(signal), rested: false }
    } catch (error) {
      slots.give()
      throw error
    }
  }

  const giveBack = (connection: Connection): void => {
    if (connection.isOpen && isClosed) end(connection)
    if (connection.isOpen) {
      connection.rest()
      resting.push(connection)
    }
    slots.give()
  }

  const use: Connections['use'] = async (work, { signal, again = false } = {}) => {
    const { connection, rested } = await acquire(signal)
    try {
      return await work(connection)
    } catch (error) {
      if (!again || !rested || connection.isOpen || error instanceof StoreError || signal?.aborted) throw error
    } finally {
      giveBack(connection)
    }
    // What broke this one has broken the others that rested.
    for (const other of resting.splice(0)) other.destroy()
    return use(work, { signal })
  }

  return {
    use,
    async lend (signal) {
      await takeInTime(loans.take, limits, signal)
      try {
        const { connection } = await acquire(signal)
        signal.addEventListener('abort', connection.destroy, { once: true })
        return {
          connection,
          release () {
            signal.removeEventListener('abort', connection.destroy)
            giveBack(connection)
            loans.give()
          }
        }
      } catch (error) {
        loans.give()
        throw error
      }
    },
    async close () {
      isClosed = true
      for (const connection of resting.splice(0)) end(connection)
      await Promise.all(ending)
    }
  }
}

const takeInTime = async (take: (signal: AbortSignal) => Promise<void>, { connectTimeoutMs, location }: ConnectionLimits, signal: AbortSignal): Promise<void> => {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new StoreError(`too many iterations are under way: half of the connections are theirs; location=${location}`)), connectTimeoutMs)
  try {
    await take(AbortSignal.any([signal, late.signal]))
  } finally {
    clearTimeout(timer)
  }
}
