import { createHash, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { afterEach, describe, expect, it } from 'vitest'
import { createBittorrentStore, openBittorrentNode } from '../../src/adapters/bittorrent/index.ts'
import type { Bencode } from '../../src/adapters/bittorrent/bencode.ts'
import { itemSignedBytes } from '../../src/adapters/bittorrent/item.ts'
import { cutIntoPieces, joinPieces } from '../../src/adapters/bittorrent/pieces.ts'
import { openLevelStore } from '../../src/adapters/level.ts'
import { DAG_CBOR, RAW, cidOf } from '../../src/store/block.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { getPlainly, makeHostile, openBittorrentNetwork, openSwarm, putPlainly, until, type BittorrentNetwork } from '../bittorrent-network.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

const openNetwork = async (count = 5): Promise<BittorrentNetwork> => {
  const network = await openBittorrentNetwork(count)
  closers.push(network.close)
  return network
}

const blockOf = async (length: number): Promise<{ cid: CID; bytes: Uint8Array }> => {
  const bytes = new Uint8Array(randomBytes(length))
  return { bytes, cid: await cidOf(bytes, RAW) }
}

const sha1 = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest()

/** The pointer's keys as docs/bittorrent.md derives them, by other code: whoever knows the CID can do this. */
const pointerOf = (cid: CID) => {
  const seed = createHash('sha256').update('mercury/bittorrent/block/1\0').update(cid.multihash.digest).digest()
  const privateKey = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' })
  const k = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x!, 'base64url')
  const signItem = (salt: string, seq: number, v: Buffer | Buffer[]) => ({ k, seq, v, sig: sign(null, itemSignedBytes({ salt: Buffer.from(salt) }, { seq, v }), privateKey) })
  return {
    targetOf: (salt: string) => sha1(Buffer.concat([k, Buffer.from(salt)])),
    sign: signItem,
    /** By two nodes, as one does not put at itself. */
    write: async (network: BittorrentNetwork, salt: string, seq: number, v: Buffer | Buffer[]) => {
      for (const node of network.plain.slice(0, 2)) expect(await putPlainly(node, { ...signItem(salt, seq, v), salt: Buffer.from(salt) })).toBeGreaterThan(0)
    }
  }
}

describe('the layout of blocks', () => {
  it('a node without code of ours finds the pointers and the pieces', async () => {
    const network = await openNetwork()
    const { cid, bytes } = await blockOf(2_500)
    await createBittorrentStore(await network.join()).put(cid, bytes)
    const pieces = [bytes.subarray(0, 996), bytes.subarray(996, 1_992), bytes.subarray(1_992)].map((piece) => Buffer.from(piece))
    for (const salt of ['0', '1', '2']) {
      const { v, seq } = (await getPlainly(network.plain[1]!, pointerOf(cid).targetOf(salt), Buffer.from(salt)))!
      expect(seq).toBe(1)
      expect(v).toEqual(pieces.map((piece) => sha1(Buffer.concat([Buffer.from(`${piece.byteLength}:`), piece]))))
      for (const [i, target] of (v as Buffer[]).entries()) expect((await getPlainly(network.plain[2]!, target))?.v).toEqual(pieces[i])
    }
  })

  it('reads what nodes without code of ours put', async () => {
    const network = await openNetwork()
    const { cid, bytes } = await blockOf(900)
    await pointerOf(cid).write(network, '2', 7, Buffer.from(bytes))
    expect(await createBittorrentStore(await network.join()).get(cid)).toEqual(bytes)
  })

  it.each([
    [996, 0], [997, 2], [43 * 996, 43], [43 * 996 + 1, 44 + 2], [65_536, 66 + 2]
  ])('a block of %i bytes is a pointer and %i immutable items, each within 1,000 bytes', async (length, count) => {
    const { cid, bytes } = await blockOf(length)
    const { root, items } = cutIntoPieces(bytes)
    expect(items).toHaveLength(count)
    const network = await openNetwork()
    await createBittorrentStore(await network.join()).put(cid, bytes)
    expect(await createBittorrentStore(await network.join()).get(cid)).toEqual(bytes)
    expect((await getPlainly(network.plain[0]!, pointerOf(cid).targetOf('1'), Buffer.from('1')))?.v).toEqual(root instanceof Uint8Array ? Buffer.from(root) : (root as Uint8Array[]).map((target) => Buffer.from(target)))
  })

  it('any codec leads to the block; a block of 65,537 bytes is refused by name', async () => {
    const network = await openNetwork()
    const { cid, bytes } = await blockOf(1_200)
    const store = createBittorrentStore(await network.join())
    await store.put(cid, bytes)
    expect(await createBittorrentStore(await network.join()).get(await cidOf(bytes, DAG_CBOR))).toEqual(bytes)
    const large = await blockOf(65_537)
    await expect(store.put(large.cid, large.bytes)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'BitTorrent block bytes', max: 65_536, value: 65_537 })
  })
})

describe('what leads to too much or to nothing', () => {
  const target = (byte: number): Uint8Array => new Uint8Array(20).fill(byte)
  const reading = (answer: (target: Uint8Array) => Bencode | undefined) => {
    let reads = 0
    return { reads: () => reads, get: async (wanted: Uint8Array) => { reads++; return answer(wanted) } }
  }

  it.each<[what: string, root: Bencode]>([
    ['bytes over the limit', new Uint8Array(5_001)],
    ['a list of nothing', []],
    ['a list of more pieces than the limit can hold', Array.from({ length: 7 }, (_, i) => target(i))],
    ['a list with a target of 19 bytes', [target(1), new Uint8Array(19)]],
    ['a list of numbers', [1, 2]],
    ['a map', { a: target(1) }],
    ['a number', 5]
  ])('%s is read no further', async (_, root) => {
    const { get, reads } = reading(() => undefined)
    expect(await joinPieces(root, 5_000, get)).toBeUndefined()
    expect(reads()).toBe(0)
  })

  it('lists of lists end at the second level and at the number of pieces', async () => {
    const deeper = reading(() => [target(1)])
    expect(await joinPieces([target(9)], 5_000, deeper.get)).toBeUndefined()
    expect(deeper.reads()).toBe(2)
    const wide = reading((wanted) => (wanted[0] === 9 ? Array.from({ length: 4 }, (_, i) => target(i)) : wanted[0] === 8 ? Array.from({ length: 3 }, (_, i) => target(i)) : new Uint8Array(1)))
    expect(await joinPieces([target(9), target(8)], 5_000, wide.get)).toBeUndefined()
    expect(wide.reads()).toBe(2)
  })

  it('pieces and lists beside each other, and pieces that are too long together, are nothing', async () => {
    expect(await joinPieces([target(1), target(2)], 5_000, async ([first]) => (first === 1 ? new Uint8Array(1) : [target(3)]))).toBeUndefined()
    expect(await joinPieces([target(1), target(2)], 5_000, async () => new Uint8Array(2_501))).toBeUndefined()
    expect(await joinPieces([target(1), target(2)], 5_000, async () => new Uint8Array(2_500))).toEqual(new Uint8Array(5_000))
  })
})

describe('who knows the CID', () => {
  it('can make pointers lead elsewhere; one that is right is enough', async () => {
    const network = await openNetwork()
    const { cid, bytes } = await blockOf(700)
    const reader = createBittorrentStore(await network.join())
    await createBittorrentStore(await network.join()).put(cid, bytes)
    const pointer = pointerOf(cid)
    for (const salt of ['0', '1']) await pointer.write(network, salt, 50, Buffer.from('elsewhere'))
    expect(await reader.get(cid)).toEqual(bytes)
    await pointer.write(network, '2', 50, [Buffer.alloc(20, 1)])
    expect(await reader.get(cid)).toBeUndefined()
  })

  it('is overruled when the block is put again, unless he has taken the last number of all three', async () => {
    const network = await openNetwork()
    const { cid, bytes } = await blockOf(700)
    const store = createBittorrentStore(await network.join())
    const pointer = pointerOf(cid)
    for (const salt of ['0', '1', '2']) await pointer.write(network, salt, 50, Buffer.from('elsewhere'))
    await store.put(cid, bytes)
    expect((await getPlainly(network.plain[0]!, pointer.targetOf('0'), Buffer.from('0')))?.seq).toBe(51)
    expect(await store.get(cid)).toEqual(bytes)
    for (const salt of ['0', '1']) await pointer.write(network, salt, Number.MAX_SAFE_INTEGER, Buffer.from('elsewhere'))
    await store.put(cid, bytes)
    expect(await store.get(cid)).toEqual(bytes)
    await pointer.write(network, '2', Number.MAX_SAFE_INTEGER, Buffer.from('elsewhere'))
    await expect(store.put(cid, bytes)).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('costs a reader three guesses for each pointer', async () => {
    const { cid } = await blockOf(700)
    const pointer = pointerOf(cid)
    const salts = ['0', '1', '2']
    const guesses = new Set<string>()
    const lies = salts.map((salt) => Array.from({ length: 20 }, (_, i) => pointer.sign(salt, i + 1, [Buffer.alloc(20, i + 1)])))
    const swarm = await openSwarm(20, pointer.targetOf('0'), (i, wanted) => {
      const salt = salts.findIndex((each) => pointer.targetOf(each).equals(wanted))
      if (salt === -1) guesses.add(wanted.toString('hex'))
      return salt === -1 ? {} : lies[salt]![i]!
    })
    const node = await openBittorrentNode({ host: '127.0.0.1', bootstrap: swarm.bootstrap })
    closers.push(swarm.close, node.close)
    await until(() => node.peers() > 0)
    guesses.clear()
    expect(await createBittorrentStore(node).get(cid)).toBeUndefined()
    const pieces = [...guesses].filter((wanted) => new Set(wanted.match(/../g)).size === 1)
    expect(pieces.length).toBeGreaterThan(0)
    expect(pieces.length).toBeLessThanOrEqual(9)
  })

  it('and answers for the pieces himself cannot forge the block', async () => {
    const network = await openNetwork()
    const { cid, bytes } = await blockOf(3_000)
    await createBittorrentStore(await network.join()).put(cid, bytes)
    for (const node of network.plain.slice(0, 4)) makeHostile(node, () => ({ v: Buffer.alloc(996, 7) }))
    expect(await createBittorrentStore(await network.join()).get(cid)).toEqual(bytes)
    makeHostile(network.plain[4]!, () => ({ v: Buffer.alloc(996, 7) }))
    expect(await createBittorrentStore(await network.join()).get(cid)).toBeUndefined()
  })
})

describe('with a store of its own', () => {
  it('blocks are there after a restart, without a network', async () => {
    const location = await mkdtemp(join(tmpdir(), 'mercury-bittorrent-'))
    closers.push(async () => rm(location, { recursive: true }))
    const network = await openNetwork()
    const { cid, bytes } = await blockOf(2_000)
    const state = await openLevelStore({ location })
    const store = createBittorrentStore(await network.join(), { state })
    expect(store.supports).toEqual({ put: true, pin: true, persistence: true, network: true })
    await store.put(cid, bytes, { pin: true })
    await store.close()
    await state.close()
    const alone = await openBittorrentNode({ host: '127.0.0.1' })
    const again = await openLevelStore({ location })
    closers.push(async () => again.close(), alone.close)
    const reopened = createBittorrentStore(alone, { state: again })
    expect(await reopened.get(cid)).toEqual(bytes)
    await reopened.unpin(cid)
    expect(await reopened.get(cid, { offline: true })).toBeUndefined()
    expect(await Array.fromAsync(again.entries())).toEqual([])
    await reopened.close()
  })

  it('a block is kept, and the failure told, when the network is out of reach', async () => {
    const alone = await openBittorrentNode({ host: '127.0.0.1' })
    closers.push(alone.close)
    const store = createBittorrentStore(alone, { state: createMemoryStore() })
    const { cid, bytes } = await blockOf(100)
    await expect(store.put(cid, bytes)).rejects.toMatchObject({ code: 'UNREACHABLE' })
    expect(await store.get(cid)).toEqual(bytes)
    const other = await blockOf(100)
    await expect(store.get(other.cid)).rejects.toMatchObject({ code: 'UNREACHABLE' })
    await expect(store.pin(other.cid)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await store.get(other.cid, { offline: true })).toBeUndefined()
  })

  it('pin fetches a block and keeps it', async () => {
    const network = await openNetwork()
    const { cid, bytes } = await blockOf(2_000)
    await createBittorrentStore(await network.join()).put(cid, bytes)
    const store = createBittorrentStore(await network.join(), { state: createMemoryStore() })
    expect(await store.get(cid, { offline: true })).toBeUndefined()
    await store.pin(cid)
    expect(await store.get(cid, { offline: true })).toEqual(bytes)
  })
})

it('an abort ends a call at once, and so does closing the store', async () => {
  const network = await openNetwork(1)
  const node = await network.join()
  makeHostile(network.plain[0]!, () => undefined)
  const { cid, bytes } = await blockOf(5_000)
  const controller = new AbortController()
  const reason = new Error('enough')
  const options = { signal: controller.signal }
  const store = createBittorrentStore(node, { state: createMemoryStore() })
  const calls = [store.put((await blockOf(1)).cid, bytes, options), store.get(cid, options), store.pin(cid, options)]
  await delay(10)
  controller.abort(reason)
  for (const outcome of await Promise.allSettled(calls)) expect(outcome).toMatchObject({ status: 'rejected', reason })
  const others = [store.put(cid, bytes), store.get((await blockOf(2)).cid)]
  await delay(10)
  await store.close()
  for (const outcome of await Promise.allSettled(others)) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
})
