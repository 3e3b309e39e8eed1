import { toString } from 'uint8arrays'
import { ClosedError, ConflictError, InvalidSignatureError, MercuryError, StoreError, checkLimit } from '../../errors.ts'
import { publicKeyOf, type ProfileId } from '../../identity/profile-id.ts'
import type { Signer } from '../../identity/signer.ts'
import type { NameRouter } from '../../naming/name-router.ts'
import { compareRecords, verifyIpnsRecord, type IpnsRecord } from '../../naming/record.ts'
import type { KeyValueStore } from '../../store/key-value-store.ts'
import { createMemoryStore } from '../../store/memory-store.ts'
import { untilAborted } from '../../until-aborted.ts'
import { cancellable } from '../cancellable.ts'
import { RouterFailedError } from '../router-failed.ts'
import { isList, type Bencode } from './bencode.ts'
import { MAX_SEQ, isSameValue, isSignedItem, itemSignedBytes, type MutableItem } from './item.ts'
import { decodeKeptName, encodeKeptName } from './kept-name.ts'
import type { BittorrentNode } from './node.ts'
import { cutIntoPieces } from './pieces.ts'
import { putPieces } from './put-pieces.ts'
import { readRecords, recordBytesOf } from './read-records.ts'
import { keysOfSlot, type Keeper } from './reannouncer.ts'

const NAMES = 'names/'

export interface BittorrentRouterOptions {
  /** Who signs items: each those of his own profile. */
  signers?: readonly Signer[] | ((id: ProfileId) => Signer | undefined)
  /** @default 'bittorrent' */
  name?: string
  /** Where the items that were put are kept, to be put again every hour. @default memory: after a restart they wait for the next `put` */
  state?: KeyValueStore
}

/** The DHT does not hold this record, and nobody here can sign an item for it. */
export class SignerMissingError extends MercuryError {
  override readonly name = 'SignerMissingError'
  readonly id: ProfileId
  constructor (id: ProfileId, options?: ErrorOptions) {
    super('SIGNER_MISSING', `the BitTorrent DHT does not hold this record; its owner has to publish it there first; id=${id}`, options)
    this.id = id
  }
}

/**
 * A name router over the BitTorrent DHT, through a running node, which it does not close: the record is the mutable item of the profile's own key.
 *
 * `put` needs the owner's signature of the item. It comes from the signer of the profile, where there is one; else the item that the DHT or this router holds
 * is put again, if it is of this very record. What was put is put again once an hour, as long as node and router are open and the record is valid.
 * `get` yields the records of the items that nodes hold, whatever their number.
 *
 * @throws SignerMissingError, ConflictError when the DHT holds a better record, LimitError when the sequence is over 2^53 - 1, RouterFailedError
 * @see docs/bittorrent.md
 */
export const createBittorrentRouter = ({ dht, keep }: BittorrentNode, { signers = [], name = 'bittorrent', state = createMemoryStore() }: BittorrentRouterOptions = {}): NameRouter => {
  const closing = new AbortController()
  const signerOf = typeof signers === 'function' ? signers : (id: ProfileId) => signers.find((signer) => signer.id === id)

  const failed = (error: unknown): unknown =>
    error instanceof MercuryError && ['UNREACHABLE', 'STORE_FAILED'].includes(error.code) ? new RouterFailedError(name, error.message, { cause: error }) : error

  const put = async (id: ProfileId, bytes: Uint8Array, signal: AbortSignal): Promise<void> => {
    const record = await verifyIpnsRecord(id, bytes)
    checkLimit('BitTorrent item number', MAX_SEQ, Number(record.sequence))
    const key = { publicKey: publicKeyOf(id) }
    const { root, items } = cutIntoPieces(record.bytes)
    const own = await state.get(nameKey(id), { signal })
    const item = await dht.putMutable(key, async (held) => {
      const known = own ? [...held, decodeKeptName(own).item] : held
      const chosen = await itemToRepeat(record, root, known, signal) ?? await signItem(record, root, known, signal)
      await putPieces(dht, items, { signal })
      return chosen
    }, { signal })
    await state.put(nameKey(id), encodeKeptName({ ...key, item, items, until: record.validUntil.getTime() }), { signal })
  }

  /** The highest item, if it is of this record. @throws ConflictError when it is of a better one, StoreError when it may be */
  const itemToRepeat = async (record: IpnsRecord, root: Bencode, known: readonly MutableItem[], signal: AbortSignal): Promise<MutableItem | undefined> => {
    const highest = highestOf(known)
    for (const { seq, v } of highest) {
      if (isSameValue(v, root)) continue
      const other = await readRecord(record.id, v, signal)
      if (other && compareRecords(other, record) > 0) throw new ConflictError(`the BitTorrent DHT holds a newer record of ${record.id}; its sequence is ${other.sequence}`)
      // Whoever withholds the pieces of a newer record must not bring its owner to put an older one over it.
      if (!other && isList(v) && seq > record.sequence) throw new StoreError(`nodes of the BitTorrent DHT hold item ${seq} of ${record.id}, but not its pieces`)
    }
    return highest.find(({ v }) => isSameValue(v, root))
  }

  /** A number above all that is known, so that nodes take it; the record's sequence where that is one. */
  const signItem = async (record: IpnsRecord, v: Bencode, known: readonly MutableItem[], signal: AbortSignal): Promise<MutableItem> => {
    const signer = signerOf(record.id)
    if (!signer) throw new SignerMissingError(record.id)
    const seq = Math.max(Number(record.sequence), ...known.map((item) => item.seq + 1))
    checkLimit('BitTorrent item number', MAX_SEQ, seq)
    const item = { seq, v, sig: await signer.sign(itemSignedBytes({}, { seq, v }), { signal }) }
    if (!(await isSignedItem({ publicKey: publicKeyOf(record.id) }, item))) throw new InvalidSignatureError('BitTorrent item')
    return item
  }

  const readRecord = async (id: ProfileId, v: Bencode, signal: AbortSignal): Promise<IpnsRecord | undefined> => {
    const bytes = await recordBytesOf(dht, v, signal)
    return bytes && verifyIpnsRecord(id, bytes).catch(() => undefined)
  }

  const keeper: Keeper = async function * (slot, roundSignal) {
    const signal = AbortSignal.any([closing.signal, roundSignal])
    for await (const [key, value] of state.entries(keysOfSlot(NAMES, slot), { signal })) yield async () => putAgain(key, value, signal)
  }

  const putAgain = async (key: string, value: Uint8Array, signal: AbortSignal): Promise<void> => {
    const { publicKey, item, items, until } = decodeKeptName(value)
    try {
      if (until <= Date.now()) throw new ConflictError('the record has expired')
      await dht.putMutable({ publicKey }, async (held) => {
        if (held.some(({ seq }) => seq > item.seq)) throw new ConflictError('the BitTorrent DHT holds a newer item')
        await putPieces(dht, items, { signal })
        return item
      }, { signal })
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error
      // A newer one has taken its place: whoever put that keeps it alive. Unless it was this router, meanwhile.
      await state.batch([{ type: 'check', key, value }, { type: 'delete', key }], { signal })
    }
  }

  const endKeeping = keep(keeper)
  return {
    name,
    async put (id, record, { signal: given } = {}) {
      const signal = given ? AbortSignal.any([closing.signal, given]) : closing.signal
      signal.throwIfAborted()
      try {
        await untilAborted(put(id, record, signal), signal)
      } catch (error) {
        signal.throwIfAborted()
        throw failed(error)
      }
    },
    get: (id, { signal } = {}) => cancellable(async function * (both) {
      try {
        yield * readRecords(dht, id, both)
      } catch (error) {
        both.throwIfAborted()
        throw failed(error)
      }
    }, [closing.signal, signal]),
    async close () {
      closing.abort(new ClosedError(`router ${name}`))
      endKeeping()
    }
  }
}

const highestOf = (items: readonly MutableItem[]): MutableItem[] => {
  const highest = Math.max(...items.map(({ seq }) => seq))
  return items.filter(({ seq }) => seq === highest)
}

/** A hash would do as well; keys are as evenly spread, and no two profiles share one. */
const nameKey = (id: ProfileId): string => NAMES + toString(publicKeyOf(id), 'hex')
