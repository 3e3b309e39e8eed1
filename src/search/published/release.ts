import type { ProfileId } from '../../identity/profile-id.ts'
import { DAY_MS } from '../../limits.ts'
import type { HashStore } from '../../store/hash-store.ts'
import type { KeyValueStore } from '../../store/key-value-store.ts'
import { PIN_BOOKS, createPinSet, type PinSet } from '../../store/pins.ts'
import { createPrefixStore } from '../../store/prefix-store.ts'
import { Publication, type Part } from './publication.ts'

/** How long what a version had is kept after a newer one was announced: queries that began before go on, and routers may still give the old record. */
export const INDEX_RETENTION_MS = DAY_MS

export interface PublisherParts {
  /** Of this device, or of several processes that publish one index. */
  readonly state: KeyValueStore
  /** Where the blocks of the index are put and pinned. */
  readonly blocks: HashStore
  /** Milliseconds since 1970. */
  readonly clock?: () => number
  readonly signal?: AbortSignal
}

/**
 * Lets go of what no version of the index `name` needs any more: what was superseded 24 hours ago, and what attempts that were cut off a day ago have left.
 *
 * Call it every few hours. A call that was cut off is finished by the next one. A block that another version, index or profile needs stays.
 *
 * @returns how many parts were let go
 */
export const releaseSuperseded = async (name: ProfileId, { state, blocks, clock = Date.now, signal }: PublisherParts): Promise<{ parts: number }> => {
  const publication = new Publication(state, name)
  const pins = pinsOf(state, blocks)
  const due = clock() - INDEX_RETENTION_MS
  for (const part of await publication.begun(signal)) if (part.at <= due) await publication.abandon(part, signal)
  const seq = await publication.announcedBy(due, signal)
  const retired = await publication.retired(seq ?? 0, signal)
  for (const part of retired) {
    await letGo(part, publication, pins, signal)
    await publication.forgetRetired(part, signal)
  }
  if (seq !== undefined) await publication.forgetAnnouncedBefore(seq, signal)
  // Nobody's, but every call of the pin set takes over what a process was unpinning that died.
  if (retired.length === 0) await pins.unpin(publication.ownerOf({ instance: 'none' }, 0), { signal })
  return { parts: retired.length }
}

const letGo = async (part: Part, publication: Publication, pins: PinSet, signal: AbortSignal | undefined): Promise<void> => {
  for (let chunk = 0; chunk < part.chunks; chunk++) {
    await publication.forgetChunk(part, chunk, signal)
    await pins.unpin(publication.ownerOf(part, chunk), { signal })
  }
}

/**
 * The pin set of whoever pins in `blocks` and has `state`: one for all calls of this process, as it takes half a minute of watching to tell that a process which was unpinning a block is dead.
 */
export const pinsOf = (state: KeyValueStore, blocks: HashStore): PinSet => {
  const byBlocks = pinSets.get(state) ?? new WeakMap<HashStore, PinSet>()
  pinSets.set(state, byBlocks)
  const pins = byBlocks.get(blocks) ?? createPinSet({ state: createPrefixStore(state, PIN_BOOKS), blocks })
  byBlocks.set(blocks, pins)
  return pins
}

const pinSets = new WeakMap<KeyValueStore, WeakMap<HashStore, PinSet>>()
