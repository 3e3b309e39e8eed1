import type { CID } from 'multiformats/cid'
import { utf8 } from '../bytes.ts'
import { MAX_BLOCK_BYTES } from '../limits.ts'
import { DAG_CBOR, RAW, cidOf } from '../store/block.ts'
import type { HashStore } from '../store/hash-store.ts'
import { assert, assertBytes, assertCode, assertList, assertReason } from './assert.ts'
import type { Clause, Setup } from './clause.ts'

export interface HashStoreSetup extends Setup<HashStore> {
  /** For a store without `put`: lays a block where the store finds it. */
  give?(cid: CID, bytes: Uint8Array): Promise<void>
  /** The largest block that the store takes; one byte more is a `LimitError`. @default 1 MiB, and nothing is asked beyond */
  maxBlockBytes?: number
  /** For a store that only passes blocks on to others: asked `offline` it has none. @default false */
  keepsNothing?: boolean
}

/** The prose of `HashStore`, sentence by sentence. */
export const hashStoreClauses: readonly Clause<HashStore, HashStoreSetup>[] = [
  {
    name: 'an absent block is answered with undefined',
    async run ({ open }) {
      const store = await open()
      const cid = await cidOf(utf8('absent'), RAW)
      assertBytes(await store.get(cid, { offline: true }), undefined, 'an absent block, offline')
      // Who asks a network may be unable to tell absence from silence.
      if (!store.supports.network) assertBytes(await store.get(cid), undefined, 'an absent block')
    }
  },
  {
    name: 'a block comes back byte for byte, of 0 bytes to 1 MiB and under any codec',
    async run (setup) {
      const store = await setup.open()
      for (const bytes of [new Uint8Array(), everyByte, new Uint8Array(setup.maxBlockBytes ?? MAX_BLOCK_BYTES).fill(7), utf8('one'), utf8('other')]) {
        for (const codec of [RAW, DAG_CBOR]) {
          const cid = await cidOf(bytes, codec)
          if (!(await lay(setup, store, cid, bytes))) return
          assertBytes(await store.get(cid), bytes, `the block ${cid.toString()}`)
        }
      }
    }
  },
  {
    name: 'a block over a limit of the store\'s own is refused with LIMIT_EXCEEDED',
    async run ({ open, maxBlockBytes }) {
      const store = await open()
      if (!store.supports.put || maxBlockBytes === undefined) return
      const bytes = new Uint8Array(maxBlockBytes + 1)
      const cid = await cidOf(bytes, RAW)
      await assertCode(store.put(cid, bytes), 'LIMIT_EXCEEDED', 'put of a block that is too large')
      assertBytes(await store.get(cid, { offline: true }), undefined, 'the block that was refused')
    }
  },
  {
    name: 'a block may be put again, and many at once',
    async run ({ open, keepsNothing }) {
      const store = await open()
      if (!store.supports.put) return
      const blocks = range(20).map((i) => utf8(`block ${i % 15}`))
      const cids = await Promise.all(blocks.map((bytes) => cidOf(bytes, RAW)))
      await Promise.all(blocks.map((bytes, i) => store.put(cids[i]!, bytes)))
      await store.put(cids[0]!, blocks[0]!)
      for (const i of range(20)) {
        assertBytes(await store.get(cids[i]!, { offline: true }), keepsNothing ? undefined : blocks[i], `block ${i}, offline`)
        if (keepsNothing) assertBytes(await store.get(cids[i]!), blocks[i], `block ${i}`)
      }
    }
  },
  {
    name: 'what goes in is copied',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.put) return
      const bytes = utf8('block')
      const cid = await cidOf(bytes, RAW)
      const put = store.put(cid, bytes)
      bytes.fill(0)
      await put
      bytes.fill(1)
      assertBytes(await store.get(cid), utf8('block'), 'the block')
    }
  },
  {
    name: 'what comes out is copied, as plain Uint8Array',
    async run (setup) {
      const store = await setup.open()
      const cid = await cidOf(utf8('block'), RAW)
      if (!(await lay(setup, store, cid, utf8('block')))) return
      const got = await store.get(cid)
      assert(got && Object.getPrototypeOf(got) === Uint8Array.prototype, 'the bytes are not a plain Uint8Array')
      got.fill(0)
      assertBytes(await store.get(cid), utf8('block'), 'the block after its copy was overwritten')
    }
  },
  {
    name: 'hints that a store does not understand are ignored',
    async run (setup) {
      const store = await setup.open()
      const cid = await cidOf(utf8('block'), RAW)
      if (!(await lay(setup, store, cid, utf8('block')))) return
      assertBytes(await store.get(cid, { hints: ['', 'nonsense', 'unknown:scheme', '/unknown/1', '\0'] }), utf8('block'), 'the block')
    }
  },
  {
    name: 'pin keeps a block and is idempotent',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.put || !store.supports.pin) return
      const [later, once] = await Promise.all([cidOf(utf8('later'), RAW), cidOf(utf8('at once'), DAG_CBOR)])
      await store.put(later, utf8('later'))
      await Promise.all([store.pin(later), store.pin(later)])
      await store.pin(later)
      await store.put(once, utf8('at once'), { pin: true })
      await store.put(once, utf8('at once'))
      await store.pin(once)
      assertBytes(await store.get(later, { offline: true }), utf8('later'), 'the block that was pinned later')
      assertBytes(await store.get(once, { offline: true }), utf8('at once'), 'the block that was put and pinned')
    }
  },
  {
    name: 'pin of a block that cannot be had rejects with NOT_FOUND',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.pin) return
      await assertCode(store.pin(await cidOf(utf8('absent'), RAW)), 'NOT_FOUND', 'pin of an absent block')
    }
  },
  {
    name: 'unpin lets a block go, and what is not pinned is no error',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.put || !store.supports.pin) return
      const [cid, other] = await Promise.all([cidOf(utf8('block'), RAW), cidOf(utf8('other'), RAW)])
      await store.unpin(cid)
      await store.put(cid, utf8('block'), { pin: true })
      await store.put(other, utf8('other'), { pin: true })
      await store.unpin(cid)
      await store.unpin(cid)
      assertBytes(await store.get(other, { offline: true }), utf8('other'), 'the block that is still pinned')
      await store.put(cid, utf8('block'), { pin: true })
      assertBytes(await store.get(cid, { offline: true }), utf8('block'), 'the block that was put and pinned again')
    }
  },
  {
    name: 'where supports says no, the call rejects with NOT_SUPPORTED',
    async run (setup) {
      const store = await setup.open()
      const cid = await cidOf(utf8('block'), RAW)
      if (!store.supports.put) await assertCode(store.put(cid, utf8('block')), 'NOT_SUPPORTED', 'put')
      if (store.supports.pin) return
      await assertCode(store.pin(cid), 'NOT_SUPPORTED', 'pin')
      await assertCode(store.unpin(cid), 'NOT_SUPPORTED', 'unpin')
      await assertCode(store.put(cid, utf8('block'), { pin: true }), 'NOT_SUPPORTED', 'put with pin')
    }
  },
  {
    name: 'a call whose signal is aborted already rejects with the reason',
    async run (setup) {
      const store = await setup.open()
      const cid = await cidOf(utf8('block'), RAW)
      await lay(setup, store, cid, utf8('block'))
      const reason = new Error('the reason')
      const signal = AbortSignal.abort(reason)
      await assertReason(store.get(cid, { signal }), reason, 'get')
      if (store.supports.put) await assertReason(store.put(cid, utf8('block'), { signal }), reason, 'put')
      if (!store.supports.pin) return
      await assertReason(store.pin(cid, { signal }), reason, 'pin')
      await assertReason(store.unpin(cid, { signal }), reason, 'unpin')
    }
  },
  {
    name: 'after close every call rejects with CLOSED, and close may be called twice',
    async run (setup) {
      const store = await setup.open()
      const cid = await cidOf(utf8('block'), RAW)
      await lay(setup, store, cid, utf8('block'))
      await store.close()
      await store.close()
      await assertCode(store.get(cid), 'CLOSED', 'get')
      if (store.supports.put) await assertCode(store.put(cid, utf8('block')), 'CLOSED', 'put')
      if (!store.supports.pin) return
      await assertCode(store.pin(cid), 'CLOSED', 'pin')
      await assertCode(store.unpin(cid), 'CLOSED', 'unpin')
    }
  },
  {
    name: 'blocks survive close and open where persistence is yes, and only there',
    async run ({ open }) {
      const store = await open()
      if (!store.supports.put) return
      const [pinned, unpinned] = await Promise.all([cidOf(everyByte, RAW), cidOf(utf8('unpinned'), RAW)])
      await store.put(pinned, everyByte, { pin: store.supports.pin })
      if (store.supports.pin) {
        await store.put(unpinned, utf8('unpinned'), { pin: true })
        await store.unpin(unpinned)
      }
      await store.close()
      const again = await open()
      assertBytes(await again.get(pinned, { offline: true }), again.supports.persistence ? everyByte : undefined, 'the block')
      if (!again.supports.persistence || !again.supports.pin) return
      await again.pin(pinned)
      await again.unpin(unpinned)
      assertBytes(await again.get(pinned, { offline: true }), everyByte, 'the block that is pinned still')
    }
  },
  {
    name: 'a second open shares the blocks or rejects with STORE_LOCKED, and the first works on',
    async run ({ open, keepsNothing }) {
      const first = await open()
      const options = { offline: !keepsNothing }
      if (!first.supports.put) return
      const [one, two, three] = await Promise.all(['1', '2', '3'].map((text) => cidOf(utf8(text), RAW))) as [CID, CID, CID]
      await first.put(one, utf8('1'))
      const [outcome] = await Promise.allSettled([open()])
      if (outcome.status === 'rejected') {
        assert((outcome.reason as { code?: string }).code === 'STORE_LOCKED', `the second open was rejected with ${String(outcome.reason)}`)
      } else if (first.supports.persistence) {
        assertBytes(await outcome.value.get(one, { offline: true }), utf8('1'), 'the first block, read by the second')
        await outcome.value.put(two, utf8('2'))
        assertBytes(await first.get(two, { offline: true }), utf8('2'), 'the second block, read by the first')
        await outcome.value.close()
      }
      await first.put(three, utf8('3'))
      assertBytes(await first.get(one, options), utf8('1'), 'the first block')
      assertBytes(await first.get(three, options), utf8('3'), 'the third block')
    }
  },
  {
    name: 'space and supports are facts that do not change',
    async run ({ open }) {
      const store = await open()
      const facts = (): (string | boolean)[] => [store.space, store.supports.put, store.supports.pin, store.supports.persistence, store.supports.network]
      const before = facts()
      assert(/^[a-z0-9-]+$/.test(store.space), `the space is ${JSON.stringify(store.space)}`)
      for (const fact of before.slice(1)) assert(typeof fact === 'boolean', 'a fact is neither true nor false')
      await store.close()
      assertList(facts(), before, 'the facts')
    }
  }
]

const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i)

const range = (length: number): number[] => Array.from({ length }, (_, i) => i)

/** Whether the block is there now. */
const lay = async ({ give }: HashStoreSetup, store: HashStore, cid: CID, bytes: Uint8Array): Promise<boolean> => {
  if (!store.supports.put && !give) return false
  await (store.supports.put ? store.put(cid, bytes) : give?.(cid, bytes))
  return true
}
