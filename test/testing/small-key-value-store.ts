import { resolveRange } from '../../src/store/key-range.ts'
import { checkKey, takeOperations, type KeyValueStore } from '../../src/store/key-value-store.ts'
import { NotSupportedError } from '../../src/store/not-supported.ts'
import { createSmallClient, type SmallOptions } from './small-client.ts'
import type { Change, SmallPlace } from './small-server.ts'

/** A small server as a key-value store. An iteration is no snapshot: it asks for one value after the other. */
export const createSmallKeyValueStore = (place: SmallPlace, options?: SmallOptions): KeyValueStore => {
  const { ask, close } = createSmallClient(place, options)

  const get: KeyValueStore['get'] = async (key, { signal } = {}) => {
    checkKey(key)
    return ask('GET', nameOf(key), { signal })
  }
  const batch: KeyValueStore['batch'] = async (operations, { signal } = {}) => {
    const changes = takeOperations(operations).map((operation): Change => {
      if (operation.type === 'check') throw new NotSupportedError('checks')
      return { name: nameOf(operation.key), ...(operation.type === 'put' ? { value: Buffer.from(operation.value).toString('base64') } : {}) }
    })
    await ask('POST', '', { body: JSON.stringify(changes), signal })
  }

  return {
    supports: { persistence: true, atomicBatch: true, conditionalBatch: false },
    get,
    batch,
    put: (key, value, given) => batch([{ type: 'put', key, value }], given),
    delete: (key, given) => batch([{ type: 'delete', key }], given),
    async * entries (range, { signal } = {}) {
      const { lower, upper, reverse, limit } = resolveRange(range)
      const names = JSON.parse(Buffer.from((await ask('GET', '', { signal }))!).toString()) as string[]
      const [from, to] = [lower && nameOf(lower.key), upper && nameOf(upper.key)]
      const within = names.filter((name) => (from === undefined || (lower!.inclusive ? name >= from : name > from)) && (to === undefined || (upper!.inclusive ? name <= to : name < to))).sort()
      let left = limit
      for (const name of reverse ? within.reverse() : within) {
        if (left-- <= 0) return
        const value = await ask('GET', name, { signal })
        if (value) yield [Buffer.from(name, 'hex').toString(), value]
      }
    },
    close: async () => close()
  }
}

/** Ordered as UTF-8 is, and inert in a path. */
const nameOf = (key: string): string => Buffer.from(key).toString('hex')
