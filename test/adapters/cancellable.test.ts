import { describe, expect, test } from 'vitest'
import { cancellable } from '../../src/adapters/cancellable.ts'

/** Yields 1, then hangs until aborted; says when it has cleaned up. */
const source = (cleaned: string[]) => async function * (signal: AbortSignal): AsyncGenerator<number, void> {
  try {
    yield 1
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
  } finally {
    cleaned.push('cleaned')
  }
}

describe('cancellable', () => {
  test('return() ends a waiting next() and resolves after the source has cleaned up', async () => {
    const cleaned: string[] = []
    const reader = cancellable(source(cleaned), [])[Symbol.asyncIterator]()
    expect(await reader.next()).toEqual({ done: false, value: 1 })
    const waiting = reader.next()
    await reader.return!()
    expect(cleaned).toEqual(['cleaned'])
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })

  test('breaking out of a loop cleans up a source that stands at a yield', async () => {
    const cleaned: string[] = []
    for await (const value of cancellable(source(cleaned), [])) {
      expect(value).toBe(1)
      break
    }
    expect(cleaned).toEqual(['cleaned'])
  })

  test('an abort rejects a waiting next() with the reason, also when the source does not listen', async () => {
    const controller = new AbortController()
    const reader = cancellable(async function * () { await new Promise(() => undefined) }, [undefined, controller.signal])[Symbol.asyncIterator]()
    const waiting = reader.next()
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(reader.next()).rejects.toBe(reason)
  })

  test('a signal that has aborted before starts nothing', async () => {
    const reason = new Error('before')
    let started = false
    const reader = cancellable(async function * () { started = true; yield 1 }, [AbortSignal.abort(reason)])[Symbol.asyncIterator]()
    await expect(reader.next()).rejects.toBe(reason)
    expect(started).toBe(false)
  })

  test('an error of the source reaches the reader', async () => {
    const failure = new Error('broken')
    const reader = cancellable(async function * (): AsyncGenerator<number, void> { throw failure }, [])[Symbol.asyncIterator]()
    await expect(reader.next()).rejects.toBe(failure)
    expect(await reader.next()).toEqual({ done: true, value: undefined })
  })
})
