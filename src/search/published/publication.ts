import { CID } from 'multiformats/cid'
import { decodeCbor, decodeCborMap, encodeCbor, type CborValue } from '../../cbor.ts'
import { ConflictError, StoreError } from '../../errors.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { KeyValueStore, Operation } from '../../store/key-value-store.ts'
import { createPrefixStore } from '../../store/prefix-store.ts'
import type { TombstoneSlice } from '../segment/segment.ts'

/** Blocks that one purpose needs: pinned in chunks, each for an owner of its own in the books of the pin set. Written once, under a name that is never used again. */
export interface Part {
  readonly instance: string
  readonly chunks: number
}

/** What of a segment is pinned. */
export interface PinnedSegment {
  /** Tells the segment without its tombstones. */
  readonly id: Uint8Array
  /** Its index blocks. */
  readonly index: Part
  /** The documents that were alive when it was first published, by number: chunk n has those from 1,024 n on. */
  readonly documents: Part
  /** The tombstones of which the documents were let go. */
  readonly settled: readonly TombstoneSlice[]
}

/** The newest version that was published, and all that it needs. */
export interface PublishedHead {
  readonly record: Uint8Array
  readonly manifest: Uint8Array
  readonly seq: number
  /** Manifest, coverage and tombstones: what no other version has. */
  readonly own: Part
  readonly segments: readonly PinnedSegment[]
}

/** A part that no version needs from `seq` on. */
export interface RetiredPart extends Part {
  readonly seq: number
}

/** A part that is being written; a crash leaves it behind. */
export interface BegunPart extends Part {
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * The books of whoever publishes the index `name`, in `state` under `index/own/<name>/`:
 * `head`; `chunk/<instance>/<n>` with the CIDs of a chunk whose blocks are all there; `begun/<instance>`; `retired/<seq>/<instance>`;
 * `announced/<seq>`, since when routers name that version or a newer one.
 */
export class Publication {
  readonly name: ProfileId
  private readonly store: KeyValueStore

  constructor (state: KeyValueStore, name: ProfileId) {
    this.name = name
    this.store = createPrefixStore(state, `index/own/${name}/`)
  }

  /** The owner in the pin set of one chunk. */
  ownerOf ({ instance }: Pick<Part, 'instance'>, chunk: number): string {
    return `index/${this.name}/${instance}/${chunk}`
  }

  /** @returns with the `bytes` that it was read from */
  async head (signal?: AbortSignal): Promise<{ head: PublishedHead | undefined; bytes: Uint8Array | undefined }> {
    const bytes = await this.store.get('head', { signal })
    return { head: bytes && decodeHead(bytes), bytes }
  }

  /** Notes that `part` is being written, before its last chunk is. */
  async begin (part: BegunPart, signal?: AbortSignal): Promise<void> {
    await this.store.put(begunKey(part), encodeBegun(part), { signal })
  }

  async begun (signal?: AbortSignal): Promise<BegunPart[]> {
    const parts: BegunPart[] = []
    for await (const [key, bytes] of this.store.entries({ prefix: 'begun/' }, { signal })) {
      const { chunks, at } = decodeCborMap(bytes) as { chunks: number; at: number }
      parts.push({ instance: key.slice('begun/'.length), chunks, at })
    }
    return parts
  }

  /** Says that all blocks of a chunk are there, or, of one that is there, which of them still are. */
  async keepChunk (part: Pick<Part, 'instance'>, chunk: number, cids: readonly CID[], signal?: AbortSignal): Promise<void> {
    await this.store.put(chunkKey(part, chunk), encodeCbor([...cids]), { signal })
  }

  /** The blocks of a chunk; none where it was not written to its end. */
  async chunk (part: Pick<Part, 'instance'>, chunk: number, signal?: AbortSignal): Promise<readonly CID[]> {
    const bytes = await this.store.get(chunkKey(part, chunk), { signal })
    return bytes ? decodeCids(decodeCbor(bytes)) : []
  }

  async forgetChunk (part: Pick<Part, 'instance'>, chunk: number, signal?: AbortSignal): Promise<void> {
    await this.store.delete(chunkKey(part, chunk), { signal })
  }

  /**
   * Makes `head` the newest version: what was begun for it is its own, and what only the one before it needed is retired.
   *
   * @param before the bytes of the head that it was made over
   * @throws ConflictError when another process was faster, or took this one for dead
   */
  async commit (head: PublishedHead, { before, begun, retired, signal }: { before: Uint8Array | undefined; begun: readonly BegunPart[]; retired: readonly Part[]; signal?: AbortSignal | undefined }): Promise<void> {
    await this.store.batch([
      { type: 'check', key: 'head', value: before },
      { type: 'put', key: 'head', value: encodeHead(head) },
      ...begun.flatMap((part): Operation[] => [{ type: 'check', key: begunKey(part), value: encodeBegun(part) }, { type: 'delete', key: begunKey(part) }]),
      ...retired.map((part) => putRetired({ ...part, seq: head.seq }))
    ], { signal })
  }

  /** Writes a head again that says more. @throws ConflictError */
  async amend (head: PublishedHead, { before, also = [], signal }: { before: Uint8Array | undefined; also?: readonly RetiredPart[]; signal?: AbortSignal | undefined }): Promise<Uint8Array> {
    const bytes = encodeHead(head)
    await this.store.batch([{ type: 'check', key: 'head', value: before }, { type: 'put', key: 'head', value: bytes }, ...also.map(putRetired)], { signal })
    return bytes
  }

  async retire (part: RetiredPart, signal?: AbortSignal): Promise<void> {
    await this.store.batch([putRetired(part)], { signal })
  }

  /** Of one that was begun long ago. @returns whether it was; not when its writer came back */
  async abandon (part: BegunPart, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.store.batch([{ type: 'check', key: begunKey(part), value: encodeBegun(part) }, { type: 'delete', key: begunKey(part) }, putRetired({ ...part, seq: 0 })], { signal })
      return true
    } catch (error) {
      if (error instanceof ConflictError) return false
      throw error
    }
  }

  /** Those that no version needs from `seq` or one before it on. */
  async retired (seq: number, signal?: AbortSignal): Promise<RetiredPart[]> {
    const parts: RetiredPart[] = []
    for await (const [key, bytes] of this.store.entries({ prefix: 'retired/', lt: `retired/${formatSeq(seq + 1)}` }, { signal })) {
      const [, since, instance] = key.split('/') as [string, string, string]
      parts.push({ instance, seq: Number(since), chunks: decodeCbor(bytes) as number })
    }
    return parts
  }

  async forgetRetired (part: RetiredPart, signal?: AbortSignal): Promise<void> {
    await this.store.delete(retiredKey(part), { signal })
  }

  /** Remembers when a router first took the record of version `seq`. @param at milliseconds since 1970 */
  async announced (seq: number, at: number, signal?: AbortSignal): Promise<void> {
    const key = `announced/${formatSeq(seq)}`
    if (!(await this.store.get(key, { signal }))) await this.store.put(key, encodeCbor(at), { signal })
  }

  /** The newest version that was announced at `ms` or before; those before it are forgotten. */
  async announcedBy (ms: number, signal?: AbortSignal): Promise<number | undefined> {
    let newest: number | undefined
    for await (const [key, bytes] of this.store.entries({ prefix: 'announced/' }, { signal })) {
      if ((decodeCbor(bytes) as number) <= ms) newest = Number(key.slice('announced/'.length))
    }
    return newest
  }

  async forgetAnnouncedBefore (seq: number, signal?: AbortSignal): Promise<void> {
    const keys: string[] = []
    for await (const [key] of this.store.entries({ prefix: 'announced/', lt: `announced/${formatSeq(seq)}` }, { signal })) keys.push(key)
    await this.store.batch(keys.map((key) => ({ type: 'delete', key })), { signal })
  }
}

/** Of whole numbers up to 2^53 - 1, in their order as text. */
const formatSeq = (seq: number): string => String(seq).padStart(16, '0')

const begunKey = ({ instance }: Pick<Part, 'instance'>): string => `begun/${instance}`
const encodeBegun = ({ chunks, at }: BegunPart): Uint8Array => encodeCbor({ chunks, at })
const chunkKey = ({ instance }: Pick<Part, 'instance'>, chunk: number): string => `chunk/${instance}/${chunk}`
const retiredKey = ({ seq, instance }: RetiredPart): string => `retired/${formatSeq(seq)}/${instance}`
const putRetired = (part: RetiredPart): Operation => ({ type: 'put', key: retiredKey(part), value: encodeCbor(part.chunks) })

const encodeHead = ({ record, manifest, seq, own, segments }: PublishedHead): Uint8Array =>
  encodeCbor({ record, manifest, seq, own: { ...own }, segments: segments.map(({ id, index, documents, settled }) => ({ id, index: { ...index }, documents: { ...documents }, settled: settled.map((slice) => ({ ...slice })) })) })

/** The bytes are this device's own, so anything else than what was written is damage. */
const decodeHead = (bytes: Uint8Array): PublishedHead => {
  try {
    return decodeCborMap(bytes) as unknown as PublishedHead
  } catch (error) {
    throw new StoreError('the books of a published index are damaged', { cause: error })
  }
}

const decodeCids = (value: CborValue): readonly CID[] => {
  if (!Array.isArray(value)) throw new StoreError('the books of a published index are damaged')
  return value.map((item: CborValue) => CID.asCID(item)).filter((cid) => cid !== null)
}
