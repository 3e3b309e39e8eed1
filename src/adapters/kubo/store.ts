import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { equals } from 'uint8arrays'
import { StoreError, checkLimit } from '../../errors.ts'
import { MAX_BLOCK_BYTES } from '../../limits.ts'
import { RAW } from '../../store/block.ts'
import { BlockNotFoundError, sha256DigestOf, type HashStore } from '../../store/hash-store.ts'
import { BlockUnreachableError } from '../block-unreachable.ts'
import { readAtMost } from '../http-client.ts'
import { dialable } from './hints.ts'
import { createKuboRpc, isDeadline, isObject, placeOf, readObject, type KuboOptions, type KuboRpc } from './rpc.ts'

export interface KuboStoreOptions extends KuboOptions {
  /** Have Kubo dial private addresses that stand in hints: for nets on loopback or in one house. @default false */
  allowPrivate?: boolean
}

/** The name of our pins, as `ipfs pin ls --names` shows it. */
const PIN_NAME = 'mercury'
const MAX_ANSWER_BYTES = 65_536

/**
 * The IPFS network as a hash store, through a Kubo and its RPC API.
 *
 * Bitswap never learns that a block exists nowhere, so `get` answers `undefined` only with `offline`; else it rejects with `UNREACHABLE` after `timeoutMs`.
 * `hints` are multiaddrs of peers that may have the block; Kubo is told to dial the first four, but no private addresses unless `allowPrivate`.
 * A pin is a direct one named `mercury`, so that it covers one block and `unpin` tells it from those of others: theirs stay, and a block that they have pinned is not pinned twice.
 * A block whose codec Kubo cannot read is pinned as raw bytes; it is the same block to Kubo. What is not pinned lasts until Kubo's next garbage collection.
 * What was put and pinned survives a kill of Kubo; a power cut only where Kubo's `Datastore.Spec` has `sync`, which it has not by default.
 * Two programs with pins of their own need a Kubo each. Fails with `STORE_FAILED`, and Kubo's own reason where it gives one.
 *
 * @throws InvalidUrlError, InvalidHeaderError
 */
export const createKuboStore = ({ allowPrivate = false, ...options }: KuboStoreOptions): HashStore => {
  const name = `Kubo at ${placeOf(options.url)}`
  const rpc = createKuboRpc(options, { what: 'store ipfs', fail: (reason, cause) => new StoreError(`${name} failed: ${reason}`, cause) })
  const timeout = `${rpc.timeoutMs}ms`

  const put = async (cid: CID, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> => {
    const digest = sha256DigestOf(cid)
    checkLimit('block bytes', MAX_BLOCK_BYTES, bytes.byteLength)
    const { Key } = await rpc.call('block/put', {
      // Kubo keeps blocks by their hash; the codec would only stand in the CID that it answers.
      query: { 'cid-codec': 'raw', mhtype: 'sha2-256', pin: 'false', 'allow-big-block': 'true' },
      file: bytes,
      read: (response) => readObject(response, MAX_ANSWER_BYTES, rpc.failed),
      signal
    })
    if (!isCidOf(Key, digest)) throw rpc.failed('it stored other bytes than it was given')
  }

  const readBlock = (response: Response): Promise<Uint8Array> => readAtMost(response, MAX_BLOCK_BYTES, () => rpc.failed(`it gave a block of over ${MAX_BLOCK_BYTES} bytes`))

  const readLocal = (cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> => rpc.call<Uint8Array | undefined>('block/get', {
    query: { arg: cid.toString(), offline: 'true' },
    read: readBlock,
    refused: (reason) => {
      if (isNotHere(reason)) return undefined
      throw rpc.failed(reason)
    },
    signal
  })

  const readAnywhere = async (cid: CID, hints: readonly string[], signal: AbortSignal | undefined): Promise<Uint8Array> => {
    const done = new AbortController()
    const dialling = dialHints(hints, signal ? AbortSignal.any([signal, done.signal]) : done.signal)
    try {
      return await rpc.call('block/get', {
        query: { arg: cid.toString(), timeout },
        read: readBlock,
        refused: (reason) => { throw unreachable(rpc, cid, reason) },
        signal
      })
    } finally {
      done.abort()
      await dialling
    }
  }

  const dialHints = async (hints: readonly string[], signal: AbortSignal): Promise<void> => {
    if (hints.length === 0) return
    const addresses = await dialable(hints, { allowPrivate })
    // A hint is a guess from somebody else's document: one that leads nowhere is no error.
    await Promise.allSettled(addresses.map(async (arg) => rpc.call('swarm/connect', { query: { arg, timeout }, read: async () => undefined, signal })))
  }

  const pin = async (cid: CID, signal: AbortSignal | undefined): Promise<void> => {
    const forms = formsOf(cid)
    for (const form of forms) if (await directPinOf(form, signal) !== undefined) return
    for (const [i, form] of forms.entries()) {
      const refusal = await addPin(cid, form, signal)
      if (refusal === undefined) return
      if (i === forms.length - 1) throw rpc.failed(refusal)
    }
  }

  /** Asks the network only for a block that is not here. @returns why Kubo did not pin it, `undefined` when it is pinned */
  const addPin = async (cid: CID, form: CID, signal: AbortSignal | undefined): Promise<string | undefined> => {
    const add = (where: Readonly<Record<string, string>>): Promise<string | undefined> => rpc.call<string | undefined>('pin/add', {
      query: { arg: form.toString(), recursive: 'false', name: PIN_NAME, ...where },
      read: async () => undefined,
      refused: (reason) => (reason.includes('already pinned recursively') ? undefined : reason),
      signal
    })
    const refusal = await add({ offline: 'true' })
    if (refusal === undefined || !isNotHere(refusal)) return refusal
    const second = await add({ timeout })
    if (second === undefined || !(isDeadline(second) || isNotHere(second))) return second
    throw new BlockNotFoundError(cid, { cause: unreachable(rpc, cid, second) })
  }

  /** The name of the direct pin of `form`, which may be empty. */
  const directPinOf = async (form: CID, signal: AbortSignal | undefined): Promise<string | undefined> => {
    const arg = form.toString()
    const keys = await rpc.call<unknown>('pin/ls', {
      query: { arg, type: 'direct', names: 'true' },
      read: async (response) => (await readObject(response, MAX_ANSWER_BYTES, rpc.failed)).Keys,
      refused: (reason) => {
        if (isNotPinned(reason)) return {}
        throw rpc.failed(reason)
      },
      signal
    })
    const pinned = isObject(keys) && Object.hasOwn(keys, arg) ? keys[arg] : undefined
    return isObject(pinned) ? String(pinned.Name ?? '') : undefined
  }

  const unpin = async (cid: CID, signal: AbortSignal | undefined): Promise<void> => {
    for (const form of formsOf(cid)) {
      if (await directPinOf(form, signal) !== PIN_NAME) continue
      await rpc.call('pin/rm', {
        query: { arg: form.toString(), recursive: 'false' },
        read: async () => undefined,
        refused: (reason) => {
          // Somebody was faster: it is gone, or he has pinned it with all that it links to.
          if (!isNotPinned(reason) && !reason.includes('is pinned recursively')) throw rpc.failed(reason)
        },
        signal
      })
    }
  }

  return {
    space: 'ipfs',
    supports: { put: true, pin: true, persistence: true, network: true },
    async put (cid, bytes, { signal, pin: isPinned = false } = {}) {
      await put(cid, bytes, signal)
      if (isPinned) await pin(cid, signal)
    },
    async get (cid, { signal, offline = false, hints = [] } = {}) {
      sha256DigestOf(cid)
      return offline ? readLocal(cid, signal) : readAnywhere(cid, hints, signal)
    },
    async pin (cid, { signal } = {}) {
      sha256DigestOf(cid)
      await pin(cid, signal)
    },
    async unpin (cid, { signal } = {}) {
      sha256DigestOf(cid)
      await unpin(cid, signal)
    },
    async close () {
      rpc.close()
    }
  }
}

/** The CIDs under which a pin may stand: the block's own, and the one that Kubo takes whatever the bytes are. */
const formsOf = (cid: CID): CID[] => (cid.code === RAW ? [cid] : [cid, CID.createV1(RAW, cid.multihash)])

const isCidOf = (text: unknown, digest: Uint8Array): boolean => {
  try {
    const { multihash } = CID.parse(String(text))
    return equals(multihash.bytes, createDigest(0x12, digest).bytes)
  } catch {
    return false
  }
}

const isNotHere = (reason: string): boolean => reason.includes('block was not found locally') || reason.includes('ipld: could not find')

const isNotPinned = (reason: string): boolean => reason.includes('not pinned')

const unreachable = (rpc: KuboRpc, cid: CID, reason: string): Error => (isDeadline(reason) || isNotHere(reason) ? new BlockUnreachableError(cid, rpc.timeoutMs, { cause: rpc.failed(reason) }) : rpc.failed(reason))
