import { concat } from 'uint8arrays'
import { utf8 } from '../../bytes.ts'
import { ConflictError, InvalidSignatureError } from '../../errors.ts'
import { publicKeyOfPrivate, signWith } from '../../identity/ed25519.ts'
import { sha256 } from '../../store/sha256.ts'
import type { Bencode } from './bencode.ts'
import type { Dht } from './dht.ts'
import { MAX_SEQ, isSameValue, isSignedItem, itemSignedBytes, type ItemKey, type MutableItem } from './item.ts'

const CONTEXT = utf8('mercury/bittorrent/block/1\0')
/** One pointer in three places: who wants to take a block down has to do so in each. */
const SALTS = ['0', '1', '2'].map(utf8)

/** Where the DHT says which items a block is made of: a mutable item that whoever knows the block's hash can write, so what it says is a guess. */
export interface Pointer extends ItemKey {
  /** Makes the pointer say `root`, over whatever `held` says; the item that says so already is put again as it is. */
  choose(root: Bencode, held: readonly MutableItem[]): Promise<MutableItem>
}

/**
 * The three pointers of the block with this sha2-256: one key pair, whose RFC 8032 seed is the sha2-256 of `mercury/bittorrent/block/1`, a zero byte and the hash;
 * the salts `0`, `1`, `2`.
 */
export const pointersOf = async (digest: Uint8Array): Promise<Pointer[]> => {
  const seed = await sha256(concat([CONTEXT, digest]))
  const publicKey = publicKeyOfPrivate(seed)
  return SALTS.map((salt) => {
    const key = { publicKey, salt }
    return {
      ...key,
      async choose (root, held) {
        const highest = Math.max(0, ...held.map(({ seq }) => seq))
        const same = held.find(({ seq, v }) => seq === highest && isSameValue(v, root))
        if (same) return same
        if (highest >= MAX_SEQ) throw new ConflictError('somebody has put the pointer to the block out of reach')
        const unsigned = { seq: highest + 1, v: root }
        const item = { ...unsigned, sig: await (await signWith(seed))(itemSignedBytes(key, unsigned)) }
        if (!(await isSignedItem(key, item))) throw new InvalidSignatureError('pointer to the block')
        return item
      }
    }
  })
}

/** Makes all three pointers say `root`, now. @throws what the last one failed of, when none could be put */
export const putPointers = async (dht: Dht, digest: Uint8Array, root: Bencode, options: { signal: AbortSignal }): Promise<void> => {
  const pointers = await pointersOf(digest)
  const outcomes = await Promise.allSettled(pointers.map(async (pointer) => dht.putMutable(pointer, async (held) => pointer.choose(root, held), options)))
  options.signal.throwIfAborted()
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected')
  if (failures.length === outcomes.length) throw failures[0]!.reason
}
