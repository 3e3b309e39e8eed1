import type { CID } from 'multiformats/cid'
import type { HashStore, KeyValueStore, NameRouter } from '../../src/index.ts'

/** What a backend does instead of its work. */
export interface Hostility {
  /** Whether the next call goes wrong, and how: a whole number below `kinds`, or `undefined` for honest work. */
  next(kinds: number): number | undefined
  /** Never settles until the test is over; then it answers, to nobody. */
  never<T>(answer: () => Promise<T>): Promise<T>
}

/** Things that programs throw. */
const oddThings = (): unknown[] => [undefined, null, 'a string', 42, { code: 'MADE_UP' }, new Error('a plain error'), new RangeError('out of range'), Object.assign(new Error('with a code'), { code: 'NOT_FOUND' }), Object.create(null), new Proxy(new Error('proxied'), {}), Symbol('odd')]

let thrown = 0
const throwOdd = (): never => {
  const things = oddThings()
  throw things[thrown++ % things.length]
}

/** What may come where bytes are expected: others, fewer, more, none, and no bytes at all. */
const wrongBytes = (bytes: Uint8Array | undefined): unknown[] => [
  new Uint8Array(), new Uint8Array(100).fill(255), Buffer.from('a buffer'), bytes?.slice(0, bytes.byteLength / 2), bytes?.map((byte, i) => (i === bytes.byteLength >> 1 ? byte ^ 1 : byte)),
  new Uint8Array(3_000_000), 'text', null, 7, {}, [1, 2, 3], new ArrayBuffer(8)
]

let given = 0
const wrong = (bytes: Uint8Array | undefined): never => {
  const choices = wrongBytes(bytes)
  return choices[given++ % choices.length] as never
}

const answer = async <T>({ next, never }: Hostility, honest: () => Promise<T>, lie: (honest: T) => T): Promise<T> => {
  switch (next(3)) {
    case 0: return throwOdd()
    case 1: return never(honest)
    case 2: return lie(await honest())
    default: return honest()
  }
}

export const hostileHashStore = (store: HashStore, hostility: Hostility): HashStore => {
  let last: Uint8Array | undefined
  return {
    ...store,
    put (cid: CID, bytes: Uint8Array, options) {
      last = bytes
      // Taken and forgotten, too.
      return answer(hostility, () => store.put(cid, bytes, options), () => undefined)
    },
    // Not even a promise at times.
    get: (cid, options) => (hostility.next(12) === 0 ? throwOdd() : answer(hostility, () => store.get(cid, options), (bytes) => (given % 3 === 0 ? last : wrong(bytes)))),
    pin: (cid, options) => answer(hostility, () => store.pin(cid, options), () => undefined),
    unpin: (cid, options) => answer(hostility, () => store.unpin(cid, options), () => undefined)
  }
}

export const hostileRouter = (router: NameRouter, hostility: Hostility, others: readonly Uint8Array[]): NameRouter => ({
  ...router,
  put: (id, record, options) => answer(hostility, () => router.put(id, record, options), () => undefined),
  get (id, options) {
    switch (hostility.next(6)) {
      case 0: return throwOdd()
      case 1: return endless(() => wrong(others[given % others.length]))
      case 2: return endless(() => others[given++ % others.length]!)
      case 3: return { [Symbol.asyncIterator]: () => ({ next: () => hostility.never(async () => ({ done: false as const, value: others[0]! })) }) }
      case 4: return 'no iterable' as never
      case 5: return after(router.get(id, options), throwOdd)
      default: return router.get(id, options)
    }
  }
})

const endless = async function * (make: () => Uint8Array): AsyncGenerator<Uint8Array> {
  for (;;) yield make()
}

const after = async function * (records: AsyncIterable<Uint8Array>, end: () => void): AsyncGenerator<Uint8Array> {
  yield * records
  end()
}

export const hostileState = (store: KeyValueStore, hostility: Hostility): KeyValueStore => ({
  ...store,
  get: (key, options) => answer(hostility, () => store.get(key, options), wrong),
  put: (key, value, options) => answer(hostility, () => store.put(key, value, options), () => undefined),
  delete: (key, options) => answer(hostility, () => store.delete(key, options), () => undefined),
  batch: (operations, options) => answer(hostility, () => store.batch(operations, options), () => undefined),
  entries (range, options) {
    switch (hostility.next(5)) {
      case 0: return throwOdd()
      case 1: return backwards(store.entries(range, options))
      case 2: return { [Symbol.asyncIterator]: () => ({ next: () => hostility.never(async () => ({ done: true as const, value: undefined })) }) }
      case 3: return endless(() => ['a', new Uint8Array()] as never) as never
      case 4: return after(store.entries(range, options) as never, throwOdd) as never
      default: return store.entries(range, options)
    }
  }
})

const backwards = async function * (entries: AsyncIterable<[string, Uint8Array]>): AsyncGenerator<[string, Uint8Array]> {
  yield * (await Array.fromAsync(entries)).reverse()
}
