import { connect, type Socket } from 'node:net'
import { ClosedError, StoreError } from '../../src/errors.ts'
import { untilAborted } from '../../src/until-aborted.ts'
import type { Around } from './around.ts'
import type { SmallPlace } from './small-server.ts'

/** What an adapter over a server may do wrong with any of its calls. */

export const ignoresSignal: Around = (call) => call()

export const leavesConnection: Around = (call, signal) => (signal ? untilAborted(call(), signal) : call())

export const swallowsFailure: Around = async (call, signal) => call(signal).catch(() => undefined)

export const neverFails: Around = async (call, signal) => call(signal).catch(() => new Promise(() => undefined))

/** For ever, until it is closed. */
export const asksAgain: Around = async (call, signal) => {
  for (;;) {
    try {
      return await call(signal)
    } catch (error) {
      if (error instanceof ClosedError) throw error
    }
  }
}

export const rejectsWith = (errorOf: (cause: unknown) => unknown): Around => async (call, signal) => call(signal).catch((error: unknown) => { throw errorOf(error) })

export const losesConnection = (): Around => {
  let isLost = false
  return async (call, signal) => {
    if (isLost) throw new StoreError('the connection was lost once')
    return call(signal).catch((error: unknown) => {
      isLost = true
      throw error
    })
  }
}

/** Fails once; after that it does nothing, and tells nobody. */
export const givesUpAfterFailure = (): Around => {
  let hasFailed = false
  return async (call, signal) => (hasFailed ? undefined : call(signal).catch((error: unknown) => {
    hasFailed = true
    throw error
  }))
}

/** `subject`, which opens a connection with each call and says nothing there. */
export const opensIdleConnections = <Subject extends { close(): Promise<void> }>(subject: Subject, { url }: SmallPlace): Subject => {
  const idle: Socket[] = []
  const opening = Object.entries(subject).map(([name, member]): [string, unknown] => [name, typeof member !== 'function' ? member : (...given: unknown[]) => {
    idle.push(connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined))
    return (member as (...given: unknown[]) => unknown)(...given)
  }])
  return {
    ...Object.fromEntries(opening) as Subject,
    async close () {
      for (const socket of idle) socket.destroy()
      await subject.close()
    }
  }
}

/** What it answered first, it answers for ever. */
export const remembers = (): Around => {
  let first: unknown
  return async (call, signal) => (first ??= await call(signal))
}

/** Of calls that overlap, all are given the answer of the last. */
export const mixesUp = (): Around => {
  let last: Promise<unknown> | undefined
  return async (call, signal) => {
    last = call(signal)
    await last
    return last
  }
}

/** Takes the end of a connection for the end of the answer. */
export const believingFetch: typeof globalThis.fetch = async (input, init) => {
  const response = await fetch(input, init)
  const reader = response.body?.getReader()
  if (!reader) return response
  const body = new ReadableStream<Uint8Array>({
    async pull (controller) {
      const part = await reader.read().catch(() => ({ done: true, value: undefined }))
      if (part.done) controller.close()
      else controller.enqueue(part.value as Uint8Array)
    },
    cancel: (reason) => reader.cancel(reason)
  })
  return new Response(body, response)
}
