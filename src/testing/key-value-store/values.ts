import { compareUtf8, utf8 } from '../../bytes.ts'
import { MAX_STORE_KEY_BYTES, MAX_STORE_VALUE_BYTES } from '../../limits.ts'
import type { KeyValueStore, Operation } from '../../store/key-value-store.ts'
import { assert, assertBytes, assertCode, assertList } from '../assert.ts'
import type { Clause } from '../clause.ts'
import { entriesOf, everyByte, keysOf } from './entries.ts'
import type { KeyValueStoreSetup } from './setup.ts'

/** Keys and values: what is taken, and that it comes back. */
export const valueClauses: readonly Clause<KeyValueStore, KeyValueStoreSetup>[] = [
  {
    name: 'an absent key is answered with undefined',
    async run ({ open }) {
      assertBytes(await (await open()).get('absent'), undefined, 'an absent key')
    }
  },
  {
    name: 'a value comes back byte for byte, and put replaces it',
    async run ({ open }) {
      const store = await open()
      await store.put('key', everyByte)
      assertBytes(await store.get('key'), everyByte, 'every byte')
      await store.put('key', utf8('second'))
      assertBytes(await store.get('key'), utf8('second'), 'the second value')
    }
  },
  {
    name: 'an empty value is not absence',
    async run ({ open }) {
      const store = await open()
      await store.put('key', new Uint8Array())
      assertBytes(await store.get('key'), new Uint8Array(), 'the empty value')
      assertList(await keysOf(store), ['key'], 'the keys')
    }
  },
  {
    name: 'delete removes, and an absent key is no error',
    async run ({ open }) {
      const store = await open()
      await store.put('key', utf8('value'))
      await store.delete('key')
      await store.delete('key')
      assertBytes(await store.get('key'), undefined, 'the deleted key')
      assertList(await keysOf(store), [], 'the keys')
    }
  },
  {
    name: 'what goes in is copied',
    async run ({ open }) {
      const store = await open()
      const [put, batched] = [utf8('put'), utf8('batched')]
      const operations: Operation[] = [{ type: 'put', key: 'batched', value: batched }]
      const writes = [store.put('put', put), store.batch(operations)]
      put.fill(0)
      batched.fill(0)
      operations.length = 0
      await Promise.all(writes)
      batched.fill(1)
      assertBytes(await store.get('put'), utf8('put'), 'the value that was put')
      assertBytes(await store.get('batched'), utf8('batched'), 'the value of the batch')
    }
  },
  {
    name: 'what comes out is copied, as plain Uint8Array',
    async run ({ open }) {
      const store = await open()
      await store.put('key', utf8('value'))
      const got = await store.get('key')
      const [entry] = await entriesOf(store)
      for (const value of [got, entry?.[1]]) {
        assert(value && Object.getPrototypeOf(value) === Uint8Array.prototype, 'a value is not a plain Uint8Array')
        value.fill(0)
      }
      assertBytes(await store.get('key'), utf8('value'), 'the value after its copies were overwritten')
    }
  },
  {
    name: 'keys of 1 to 1,024 UTF-8 bytes are taken and kept apart',
    async run ({ open, maxKeyBytes = MAX_STORE_KEY_BYTES }) {
      const store = await open()
      const keys = ['k', 'k'.repeat(maxKeyBytes), 'k'.repeat(maxKeyBytes - 1), longest('€', maxKeyBytes), longest('😀', maxKeyBytes), 'K'.repeat(maxKeyBytes), 'x'.repeat(130), 'X'.repeat(255)]
      for (const key of keys) await store.put(key, utf8(key))
      for (const key of keys) assertBytes(await store.get(key), utf8(key), `the value of a key of ${utf8(key).byteLength} bytes`)
      assertList(await keysOf(store), keys.toSorted(compareUtf8), 'the keys')
    }
  },
  {
    name: 'a key that is empty, over 1,024 bytes or not well-formed is refused',
    async run ({ open, maxKeyBytes = MAX_STORE_KEY_BYTES }) {
      const store = await open()
      const refused: [string, string][] = [['', 'INVALID_KEY'], ['lone \ud800 surrogate', 'INVALID_KEY'], ['\udc00', 'INVALID_KEY'], ['k'.repeat(maxKeyBytes + 1), 'LIMIT_EXCEEDED'], [`${longest('€', maxKeyBytes)}€`, 'LIMIT_EXCEEDED']]
      for (const [key, code] of refused) {
        const what = `the key ${JSON.stringify(key.slice(0, 20))}`
        await assertCode(store.get(key), code, `get of ${what}`)
        await assertCode(store.put(key, utf8('v')), code, `put of ${what}`)
        await assertCode(store.delete(key), code, `delete of ${what}`)
        for (const operation of [{ type: 'put', key, value: utf8('v') }, { type: 'delete', key }] as const) {
          await assertCode(store.batch([{ type: 'put', key: 'good', value: utf8('v') }, operation]), code, `a batch with ${what}`)
        }
      }
      assertList(await keysOf(store), [], 'the keys after refused calls')
    }
  },
  {
    name: 'values of 0 to 16 MiB are taken, one byte more is refused before anything is written',
    async run ({ open }) {
      const store = await open()
      const largest = new Uint8Array(MAX_STORE_VALUE_BYTES + 1).fill(7)
      await store.put('largest', largest.subarray(1))
      assertBytes(await store.get('largest'), largest.subarray(1), 'the largest value')
      await assertCode(store.put('over', largest), 'LIMIT_EXCEEDED', 'a value one byte over the limit')
      await assertCode(store.batch([{ type: 'put', key: 'good', value: utf8('v') }, { type: 'put', key: 'over', value: largest }]), 'LIMIT_EXCEEDED', 'a batch with a value over the limit')
      assertList(await keysOf(store), ['largest'], 'the keys')
    }
  },
  {
    name: 'any key is inert and unlike any other',
    async run ({ open }) {
      const store = await open()
      for (const key of oddKeys) await store.put(key, utf8(`value of ${key}`))
      for (const key of oddKeys) assertBytes(await store.get(key), utf8(`value of ${key}`), `the value of ${JSON.stringify(key)}`)
      assertList(await keysOf(store), oddKeys.toSorted(compareUtf8), 'the keys')
      for (const key of oddKeys) await store.delete(key)
      assertList(await keysOf(store), [], 'the keys after all were deleted')
    }
  }
]

const oddKeys = [
  '.', '..', '../..', '/etc/passwd', 'a/b', 'a//b', 'a\\b', '%2f', '%', '=', '~', '-', 'a', 'A', 'aA', 'Aa', 'é', 'e\u0301', 'É', 'ß', 'ss', 'ı', 'i', '\0', 'a\0', ' ', 'a ', ' a', 'a.', 'a:b', 'a*', 'a?', 'a"', 'a|b', '<>',
  'con', 'CON', 'nul', 'lock', 'journal', '__proto__', 'constructor', 'toString', '\n', '\r', '\u2028', '\ufeff', '\uffff', '😀', "a'b", '$1', '`', '-rf', 'LOCK', 'CURRENT', 'tmp-1', '.a', 'a\u0000b'
]

/** As many `character` as fit into `bytes`, filled up with ASCII. */
const longest = (character: string, bytes: number): string => {
  const size = utf8(character).byteLength
  return character.repeat(bytes / size) + 'x'.repeat(bytes % size)
}
