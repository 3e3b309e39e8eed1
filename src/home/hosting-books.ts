import { decodeCborMap } from '../cbor.ts'
import { keepKey } from '../client/schedule.ts'
import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { MessageSigner } from '../identity/signed-map.ts'
import { decodeFloor } from '../naming/floor.ts'
import { documentCid, type ProfileDocument } from '../profile/document.ts'
import { createGroupCommit } from '../store/group-commit.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { createPrefixStore } from '../store/prefix-store.ts'
import { peerKey } from './books/agreement-entry.ts'
import { Agreements } from './books/agreements.ts'
import { Backups } from './books/backups.ts'
import { Bans } from './books/bans.ts'
import type { BookOptions } from './books/book.ts'
import { Chores } from './books/chores.ts'
import { Evidence } from './books/evidence.ts'
import { Nonces } from './books/nonces.ts'
import type { ServedProfiles } from './books/served-profiles.ts'
import { Uploads } from './books/uploads.ts'
import { UsageBook } from './books/usage.ts'
import { Vouchers } from './books/vouchers.ts'
import { witnessed } from './books/witness.ts'
import type { Hosting } from './hosting.ts'
import type { HomeSettings } from './settings.ts'

/** Where the books of a home stand in the state. */
export const HOME_PREFIX = 'home/'

/** Versions that are remembered so that they are looked at once. */
const MAX_LAST_TAKEN = 4_096

export interface HostingBooksParts {
  home: MessageSigner
  /** That of `profiles`. */
  state: KeyValueStore
  /** Where revealed keys are pinned. */
  blocks: HashStore
  profiles: ServedProfiles
  settings: HomeSettings
  clock(): number
}

/** All books of a home over one state, and what the public routes ask of them. */
export interface HostingBooks {
  readonly store: KeyValueStore
  readonly agreements: Agreements
  readonly vouchers: Vouchers
  readonly nonces: Nonces
  readonly bans: Bans
  readonly usage: UsageBook
  readonly backups: Backups
  readonly uploads: Uploads
  readonly evidence: Evidence
  readonly chores: Chores
  readonly hosting: Hosting
  /** Whether the home relays for a libp2p peer: that of somebody whom it hosts. @param peer the ID of its key */
  relaysFor(peer: ProfileId, options?: BookOptions): Promise<boolean>
  /** Whether the home has, or had, anything to do with a profile: an agreement, or one of its versions here. */
  isKnown(id: ProfileId, options?: BookOptions): Promise<boolean>
  /** Whether `hosting.taken` has looked at this version lately, in this process. */
  wasTaken(id: ProfileId, sequence: bigint): boolean
  /** Waits for the writes under way. */
  close(): Promise<void>
}

export const createHostingBooks = ({ home, state, blocks, profiles, settings, clock }: HostingBooksParts): HostingBooks => {
  const grouped = createGroupCommit(state)
  const store = createPrefixStore(grouped, HOME_PREFIX)
  const isKept = async (id: ProfileId, options?: BookOptions): Promise<boolean> => (await state.get(keepKey(id), options)) !== undefined
  const nextOf = async (id: ProfileId, options?: BookOptions): Promise<Uint8Array | null | undefined> => {
    const floor = await state.get(`floor/${id}`, options)
    return floor && decodeFloor(floor).next
  }
  const parts = { store, clock }
  const vouchers = new Vouchers({ ...parts, home: home.id })
  const agreements = new Agreements({ ...parts, home, settings, vouchers, isKept })
  const nonces = new Nonces(parts)
  const bans = new Bans({ ...parts, agreements })
  const usage = new UsageBook(parts)
  const backups = new Backups({ ...parts, usage })
  const uploads = new Uploads({ ...parts, usage, profiles })
  const evidence = new Evidence({ ...parts, blocks, nextOf })
  const chores = new Chores({ ...parts, agreements, bans, backups, nonces, profiles, settings })

  /** By profile, in the order in which they came. */
  const lastTaken = new Map<ProfileId, bigint>()

  const hosting: Hosting = {
    async standing (id, options) {
      const standing = await agreements.standing(id, options)
      if (standing === 'none') return (await isKept(id, options)) ? 'kept' : 'none'
      if (standing !== 'leaving') return standing
      return (await agreements.read(id, options))?.entry.kept ? 'kept' : 'none'
    },
    async taken (id, { document: bytes }, options = {}) {
      const document = decodeCborMap(bytes) as ProfileDocument
      const isCurrent = async (): Promise<boolean> => (await profiles.stored(id, options))?.cid.equals(await documentCid(bytes)) ?? false
      await agreements.taken(id, document, { ...options, isCurrent })
      lastTaken.delete(id)
      lastTaken.set(id, BigInt(document.seq))
      if (lastTaken.size > MAX_LAST_TAKEN) lastTaken.delete(lastTaken.keys().next().value!)
      if (document.succeeds) await evidence.keep(document.succeeds, options).catch(asUnkept)
    },
    succession: (id, options) => evidence.succession(id, options),
    count: (options) => agreements.count(options)
  }

  return {
    store,
    agreements,
    vouchers,
    nonces,
    bans,
    usage,
    backups,
    uploads,
    evidence,
    chores,
    hosting,
    async relaysFor (peer, { signal } = {}) {
      for await (const _ of store.entries({ prefix: peerKey(peer, '' as ProfileId), limit: 1 }, { signal })) return true
      return false
    },
    async isKnown (id, options) {
      if (await witnessed(id, { store }, options) !== undefined) return true
      return isKept(id, options)
    },
    wasTaken: (id, sequence) => lastTaken.get(id) === sequence,
    async close () {
      await store.close()
      await grouped.close()
    }
  }
}

/** The document was taken; a succession that contradicts what this home knows is no reason to refuse it now. */
const asUnkept = (error: unknown): undefined => {
  if (!(error instanceof MercuryError) || error.code === 'STORE_FAILED' || error.code === 'CLOSED') throw error
}
