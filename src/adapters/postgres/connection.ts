import type { Socket } from 'node:net'
import type { Client } from 'pg'
import { StoreError } from '../../errors.ts'
import { untilAborted } from '../../until-aborted.ts'
import { isAnswer } from './failure.ts'

/** SQL text of this module; a name keeps it prepared on the connection. */
export interface Statement {
  readonly name?: string
  readonly text: string
}

/** `null` is NULL; text is what PostgreSQL reads as any type. */
export type Parameter = Buffer | string | null

export interface Connection {
  /** Whether another statement can be sent. */
  readonly isOpen: boolean
  /**
   * One statement, one round trip.
   *
   * @returns its rows, every column as text
   * @throws the reason of `signal` at once, a StoreError when there is no whole answer in time or it is too long; else what pg throws.
   * After anything but an error of the statement itself the connection is gone, and with it a transaction under way.
   */
  query(statement: Statement, parameters: readonly Parameter[], signal?: AbortSignal): Promise<(string | null)[][]>
  /** While it rests the connection keeps no process running. */
  rest(): void
  wake(): void
  /** Says goodbye and resolves when the socket is closed. */
  end(): Promise<void>
  /** Closes the socket now. The server ends what it was doing when it notices, at the latest when the statement is over. */
  destroy(): void
}

export interface ConnectionLimits {
  connectTimeoutMs: number
  queryTimeoutMs: number
  /** Of one answer, on the wire. */
  maxAnswerBytes: number
  location: string
}

/** How long a goodbye may take. */
const END_TIMEOUT_MS = 1_000

/**
 * Connects `client`, which is new.
 *
 * @throws as {@link Connection.query}
 */
export const openConnection = async (client: Client, { connectTimeoutMs, queryTimeoutMs, maxAnswerBytes, location }: ConnectionLimits, signal: AbortSignal | undefined): Promise<Connection> => {
  let isOpen = true
  let answered = 0
  let overflow: StoreError | undefined
  const closed = Promise.withResolvers<void>()
  const destroy = (): void => {
    isOpen = false
    client.connection.stream.destroy()
  }
  // Without a listener a server that shuts down would end the process.
  client.on('error', destroy)
  client.on('end', () => {
    isOpen = false
    closed.resolve()
  })

  /** One exchange with the server, cut off by `signal` or by time. */
  const exchange = async <T>(ms: number, signal: AbortSignal | undefined, start: () => Promise<T>): Promise<T> => {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(new StoreError(`PostgreSQL gave no whole answer within ${ms} ms; location=${location}`)), ms)
    try {
      signal?.throwIfAborted()
      return await untilAborted(start(), signal ? AbortSignal.any([signal, late.signal]) : late.signal)
    } catch (error) {
      if (!isAnswer(error)) destroy()
      throw overflow ?? error
    } finally {
      clearTimeout(timer)
    }
  }

  await exchange(connectTimeoutMs, signal, () => client.connect())
  client.connection.stream.on('data', ({ byteLength }: Buffer) => {
    answered += byteLength
    if (answered <= maxAnswerBytes) return
    overflow = new StoreError(`an answer of PostgreSQL is over ${maxAnswerBytes} bytes; location=${location}`)
    destroy()
  })
  const socket = client.connection.stream as Socket

  return {
    get isOpen () {
      return isOpen
    },
    query: (statement, parameters, signal) => exchange(queryTimeoutMs, signal, async () => {
      answered = 0
      const { rows } = await client.query({ ...statement, values: [...parameters], rowMode: 'array' })
      return rows as (string | null)[][]
    }),
    rest: () => { socket.unref() },
    wake: () => { socket.ref() },
    async end () {
      const timer = setTimeout(destroy, END_TIMEOUT_MS)
      isOpen = false
      socket.ref()
      // It may be gone already; then this does nothing.
      void client.end().catch(() => undefined)
      await closed.promise
      clearTimeout(timer)
    },
    destroy
  }
}
