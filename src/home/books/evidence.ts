import { sha256 } from '@noble/hashes/sha2.js'
import { base32 } from 'multiformats/bases/base32'
import { equals } from 'uint8arrays'
import { decodeCborMap, encodeCbor, type CborMap } from '../../cbor.ts'
import { MercuryError, checkLimit } from '../../errors.ts'
import { decodeProfileId, profileIdFromPublicKey, publicKeyOf, type ProfileId } from '../../identity/profile-id.ts'
import { MAX_SUCCESSION_HOPS } from '../../limits.ts'
import { verifySuccession, type Succession } from '../../profile/succession.ts'
import { RAW, putBlock } from '../../store/block.ts'
import type { HashStore } from '../../store/hash-store.ts'
import { changing, type BookOptions, type BookParts } from './book.ts'
import { witnessed } from './witness.ts'

/** Of a succession, unknown keys and all. */
export const MAX_SUCCESSION_BYTES = 4_096

export interface EvidenceParts extends BookParts {
  readonly blocks: HashStore
  /** The pledge of a profile that the home knows from its documents; `undefined` where it knows none. */
  nextOf(id: ProfileId, options?: BookOptions): Promise<Uint8Array | null | undefined>
}

/**
 * What must never be unseen: `succession/<id>`, the step of a profile to its next key, and `revealed/<digest>`, that key and whose step it was.
 *
 * A succession is kept for good once it has verified: the first one seen. The key that it reveals is put and pinned as the raw block whose sha2-256 the
 * pledge named, so that whoever knows only the pledge can ask for it. Nothing leads on over 16 hops, or twice to one ID.
 * Of profiles that the home knows nothing of, one step to each key is kept.
 */
export class Evidence {
  private readonly parts: EvidenceParts

  constructor (parts: EvidenceParts) {
    this.parts = parts
  }

  async succession (id: ProfileId, options?: BookOptions): Promise<CborMap | undefined> {
    const bytes = await this.parts.store.get(successionKey(id), options)
    return bytes && decodeCborMap(bytes)
  }

  /**
   * Keeps a succession; the same once more is no error, and one of a profile that has another already changes nothing.
   *
   * @param expect `from`: whose it must be; the home's witness, or the documents that it knows, must name this very key where they name any
   * @returns whose step it is, and to whom
   * @throws what {@link verifySuccession} throws, LimitError for its bytes and hops, MercuryError `CONTESTED`, `SUCCESSION_LOOP`
   */
  async keep (succession: CborMap, { from: expected, signal }: BookOptions & { from?: ProfileId } = {}): Promise<{ from: ProfileId; to: ProfileId }> {
    const { store, blocks } = this.parts
    const bytes = encodeCbor(succession)
    checkLimit('succession bytes', MAX_SUCCESSION_BYTES, bytes.byteLength)
    const { from, to } = await this.kept(succession, bytes, { signal }) ?? await verifySuccession(succession)
    if (expected !== undefined && from !== expected) throw new MercuryError('INVALID_SUCCESSION', `this is a succession of ${from}, not of ${expected}`)
    const { key } = succession as Succession
    const digest = sha256(key)
    const next = await this.pledged(from, { signal })
    if (next !== undefined && !(next && equals(next, digest))) throw new MercuryError('CONTESTED', 'this profile is pledged to another next key, as far as this home knows')
    // Before the books say that it is there.
    await putBlock(blocks, key, RAW, { pin: blocks.supports.pin, signal })
    return changing(async () => {
      const before = await store.get(successionKey(from), { signal })
      if (before) return { from, to }
      await this.checkChain(from, to, { signal })
      const revealed = await store.get(revealedKey(digest), { signal })
      // Of strangers one step to each key: else whoever is hosted here could leave any number of them for good.
      if (revealed && next === undefined) throw new MercuryError('CONTESTED', 'this key is the next one of another profile, as far as this home knows')
      await store.batch([
        { type: 'check', key: successionKey(from), value: before },
        { type: 'check', key: revealedKey(digest), value: revealed },
        { type: 'put', key: successionKey(from), value: bytes },
        ...(revealed ? [] : [{ type: 'put', key: revealedKey(digest), value: encodeCbor({ key, from }) } as const])
      ], { signal })
      return { from, to }
    }, { signal })
  }

  /** What was kept once was verified then: each new document of the next ID brings it again. */
  private async kept (succession: CborMap, bytes: Uint8Array, options: BookOptions): Promise<{ from: ProfileId; to: ProfileId } | undefined> {
    const { from: encoded, key } = succession
    if (!(encoded instanceof Uint8Array) || !(key instanceof Uint8Array)) return undefined
    const from = decodeProfileId(encoded)
    const stored = await this.parts.store.get(successionKey(from), options)
    return stored && equals(stored, bytes) ? { from, to: profileIdFromPublicKey(key) } : undefined
  }

  private async pledged (id: ProfileId, options: BookOptions): Promise<Uint8Array | null | undefined> {
    const witness = await witnessed(id, this.parts, options)
    return witness === undefined ? this.parts.nextOf(id, options) : witness
  }

  /** Walks what is known before `from` and after `to`. */
  private async checkChain (from: ProfileId, to: ProfileId, options: BookOptions): Promise<void> {
    const seen = new Set<ProfileId>([from, to])
    const visit = (id: ProfileId): void => {
      if (seen.has(id)) throw new MercuryError('SUCCESSION_LOOP', 'this succession would lead back to a key that was left')
      seen.add(id)
      checkLimit('succession hops', MAX_SUCCESSION_HOPS, seen.size - 1)
    }
    for (let at = await this.successor(to, options); at !== undefined; at = await this.successor(at, options)) visit(at)
    for (let at = await this.predecessor(from, options); at !== undefined; at = await this.predecessor(at, options)) visit(at)
  }

  private async successor (id: ProfileId, options: BookOptions): Promise<ProfileId | undefined> {
    const succession = await this.succession(id, options)
    return succession && (await verifySuccession(succession)).to
  }

  private async predecessor (id: ProfileId, options: BookOptions): Promise<ProfileId | undefined> {
    const bytes = await this.parts.store.get(revealedKey(sha256(publicKeyOf(id))), options)
    return bytes && decodeCborMap(bytes).from as ProfileId
  }
}

const successionKey = (id: ProfileId): string => `succession/${id}`
const revealedKey = (digest: Uint8Array): string => `revealed/${base32.baseEncode(digest)}`
