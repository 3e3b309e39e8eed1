import { describe, expect, it } from 'vitest'
import { MAX_GROUP_KEYS, createReadGroup } from '../../src/adapters/read-group.ts'
import { utf8 } from '../../src/bytes.ts'

/** A server that holds its answers back until told, and says what it was asked. */
const openServer = (has: (key: string) => boolean = () => true) => {
  const asked: (readonly string[])[] = []
  const signals: AbortSignal[] = []
  let answer = Promise.resolve()
  const group = createReadGroup(async (keys, signal) => {
    asked.push(keys)
    signals.push(signal)
    await answer
    return new Map(keys.filter(has).map((key) => [key, utf8(key)]))
  })
  return { group, asked, signals, answerAfter: (promise: Promise<void>) => { answer = promise } }
}

describe('createReadGroup', () => {
  it('asks once for what is asked for at one moment, each key once, and tells absence', async () => {
    const { group, asked } = openServer((key) => key !== 'absent')
    const [a, again, absent] = await Promise.all([group.get('a', undefined), group.get('a', undefined), group.get('absent', undefined)])
    expect([a, again, absent]).toEqual([utf8('a'), utf8('a'), undefined])
    a!.fill(0)
    expect(again).toEqual(utf8('a'))
    await group.get('later', undefined)
    expect(asked).toEqual([['a', 'absent'], ['later']])
  })

  it('cuts what is too much for one look', async () => {
    const { group, asked } = openServer()
    const keys = Array.from({ length: MAX_GROUP_KEYS + 1 }, (_, i) => `key ${i}`)
    expect(await Promise.all(keys.map((key) => group.get(key, undefined)))).toEqual(keys.map(utf8))
    expect(asked.map(({ length }) => length)).toEqual([MAX_GROUP_KEYS, 1])
  })

  it('lets one leave without the others, and gives the look up when all have left', async () => {
    const { group, signals, answerAfter } = openServer()
    const { promise, resolve } = Promise.withResolvers<void>()
    answerAfter(promise)
    const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()]
    const reads = [one, two, three].map(({ signal }, i) => group.get(`key ${i}`, signal))
    await new Promise(setImmediate)
    const reason = new Error('the reason')
    one.abort(reason)
    await expect(reads[0]).rejects.toBe(reason)
    expect(signals[0]!.aborted).toBe(false)
    two.abort(reason)
    await expect(reads[1]).rejects.toBe(reason)
    expect(signals[0]!.aborted).toBe(false)
    three.abort(reason)
    await expect(reads[2]).rejects.toBe(reason)
    expect(signals[0]!.aborted).toBe(true)
    resolve()
  })

  it('does not ask for who has left before, and tells a failure to all', async () => {
    const { group, asked, answerAfter } = openServer()
    const left = new AbortController()
    const gone = group.get('gone', left.signal)
    left.abort(new Error('the reason'))
    await expect(gone).rejects.toThrow('the reason')
    await new Promise(setImmediate)
    expect(asked).toEqual([])
    const down = Promise.reject<void>(new Error('down'))
    down.catch(() => undefined)
    answerAfter(down)
    const outcomes = await Promise.allSettled([group.get('a', undefined), group.get('b', undefined)])
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as Error).message)).toEqual(['down', 'down'])
  })
})
