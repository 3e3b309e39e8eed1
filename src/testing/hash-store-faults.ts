import type { CID } from 'multiformats/cid'
import { utf8 } from '../bytes.ts'
import { RAW, cidOf, getBlock } from '../store/block.ts'
import type { HashStore, HashStoreOptions } from '../store/hash-store.ts'
import { assert, assertBytes } from './assert.ts'
import type { Clause } from './clause.ts'
import { abortsAtOnce, connectionsFallTo, openOrRefuse, outcomeOf, settlesWell, whileGone, type FaultySetup } from './faults.ts'
import type { HashStoreSetup } from './hash-store.ts'

export interface FaultyHashStoreSetup extends HashStoreSetup, FaultySetup<HashStore> {}

type FaultClause = Clause<HashStore, FaultyHashStoreSetup>

/** What a hash store over a server owes its callers while that server fails. */
export const hashStoreFaultClauses: readonly FaultClause[] = [
  {
    name: 'while the server is down every call rejects with a typed error, and all is as it was when it is back',
    async run (setup) {
      const store = await setup.open()
      const [kept, other] = await Promise.all([blockOf('kept'), blockOf('other')])
      await lay(setup, store, kept)
      await setup.faults.stop()
      await settlesWell(store.get(kept.cid), 'get', setup)
      for (const [what, call] of writes(store, other)) await settlesWell(call(), what, setup)
      await setup.faults.start()
      assertBytes(await store.get(kept.cid), kept.bytes, 'the block from before')
      await lay(setup, store, other)
      assertBytes(await store.get(other.cid), other.bytes, 'the block from after')
    }
  },
  {
    name: 'a put that was acknowledged before the server was killed is there afterwards',
    async run (setup) {
      const { open, faults } = setup
      const store = await open()
      if (!store.supports.put) return
      const blocks = await Promise.all(Array.from({ length: 40 }, (_, i) => blockOf(`block ${i} ${'x'.repeat(i * 100)}`)))
      const acknowledged: Block[] = []
      const first = Promise.withResolvers<void>()
      const puts = Promise.all(blocks.map(async (block) => {
        const isDone = await settlesWell(store.put(block.cid, block.bytes, { pin: store.supports.pin }), 'put', setup, { mayResolve: true })
        if (isDone) acknowledged.push(block)
        first.resolve()
      }))
      await Promise.race([first.promise, puts])
      assert(acknowledged.length > 0, 'put: rejected before the server was killed')
      await faults.stop()
      await puts
      await whileGone()
      await faults.start()
      if (!store.supports.persistence) return
      const again = await open()
      for (const { cid, bytes } of acknowledged) assertBytes(await again.get(cid), bytes, `the acknowledged block ${cid.toString()}`)
    }
  },
  {
    name: 'a slow server changes nothing',
    async run (setup) {
      const store = await setup.open()
      setup.faults.slow(20)
      const blocks = await Promise.all(Array.from({ length: 10 }, (_, i) => blockOf(`slow ${i}`)))
      await Promise.all(blocks.map((block) => lay(setup, store, block)))
      const read = await Promise.all(blocks.map(({ cid }) => store.get(cid)))
      for (const [i, { bytes }] of blocks.entries()) assertBytes(read[i], bytes, `block ${i}`)
    }
  },
  {
    name: 'a call to a server that never answers ends when its signal says so, and leaves no connection behind',
    async run (setup) {
      const store = await setup.open()
      // A call that is given up may have reached the server, which may drop what is unpinned.
      const [block, other] = await Promise.all([blockOf('stalled'), blockOf('changed while stalled')])
      await lay(setup, store, block)
      const idle = setup.faults.connections()
      setup.faults.stall()
      await abortsAtOnce((signal) => store.get(block.cid, { signal }), 'get', setup)
      for (const [what, call] of writes(store, other)) await abortsAtOnce((signal) => call({ signal }), what, setup)
      await connectionsFallTo(idle, setup)
      setup.faults.heal()
      assertBytes(await store.get(block.cid), block.bytes, 'the block after the server answers again')
    }
  },
  {
    name: 'an answer that breaks off in its middle is a typed error or asked for again, never a part of a block',
    async run (setup) {
      const store = await setup.open()
      const block = await blockOf(`cut ${'0123456789'.repeat(5_000)}`)
      await lay(setup, store, block)
      setup.faults.cut(block.bytes)
      for (const bytes of await outcomeOf(store.get(block.cid), 'get', setup)) assertBytes(bytes, block.bytes, 'the block')
      assert(setup.faults.spoilt() > 0, 'no answer was broken off')
      setup.faults.heal()
      assertBytes(await store.get(block.cid), block.bytes, 'the block after all is well')
    }
  },
  {
    name: 'a wrong byte in an answer is found',
    async run (setup) {
      const store = await setup.open()
      const block = await blockOf(`corrupt ${'abcdefghij'.repeat(30)}`)
      await lay(setup, store, block)
      setup.faults.corrupt(block.bytes)
      await settlesWell(getBlock(store, block.cid), 'get', setup)
      setup.faults.heal()
      assertBytes(await getBlock(store, block.cid), block.bytes, 'the block after all is well')
    }
  },
  {
    name: 'wrong credentials are told in a typed error, without what is secret',
    async run (setup) {
      if (!setup.openRefused) return
      const block = await blockOf('refused')
      const store = await openOrRefuse(setup)
      if (!store) return
      try {
        await settlesWell(store.get(block.cid), 'get', setup)
        for (const [what, call] of writes(store, block)) await settlesWell(call(), what, setup)
      } finally {
        await store.close()
      }
    }
  },
  {
    name: 'a full server is told, loses nothing, and takes blocks again when there is room',
    async run (setup) {
      if (!setup.fill) return
      const store = await setup.open()
      const [kept, refused] = await Promise.all([blockOf('kept'), blockOf(`refused ${'x'.repeat(1_000_000)}`)])
      await lay(setup, store, kept)
      await setup.fill()
      await settlesWell(store.put(refused.cid, refused.bytes), 'put', setup)
      await setup.makeRoom?.()
      assertBytes(await store.get(kept.cid), kept.bytes, 'the block from before')
      await store.put(refused.cid, refused.bytes)
      assertBytes(await store.get(refused.cid), refused.bytes, 'the block that was refused before')
    }
  }
]

interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

const blockOf = async (text: string): Promise<Block> => {
  const bytes = utf8(text)
  return { cid: await cidOf(bytes, RAW), bytes }
}

const lay = async ({ give }: HashStoreSetup, store: HashStore, { cid, bytes }: Block): Promise<void> => {
  await (store.supports.put ? store.put(cid, bytes, { pin: store.supports.pin }) : give!(cid, bytes))
}

type Call = [what: string, call: (options?: HashStoreOptions) => Promise<void>]

/** The calls that change something, as far as the store has them. */
const writes = (store: HashStore, { cid, bytes }: Block): Call[] => [
  ...(store.supports.put ? [['put', (options) => store.put(cid, bytes, options)] satisfies Call] : []),
  ...(store.supports.pin ? [['pin', (options) => store.pin(cid, options)], ['unpin', (options) => store.unpin(cid, options)]] satisfies Call[] : [])
]
