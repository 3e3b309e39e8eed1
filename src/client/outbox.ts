import { equals } from 'uint8arrays'
import { decodeCborMap, encodeCbor } from '../cbor.ts'
import { MercuryError, reasonOf } from '../errors.ts'
import { recallProfileId, type ProfileId } from '../identity/profile-id.ts'
import type { MessageSigner } from '../identity/signed-map.ts'
import { HomeUnreachableError } from '../hosting/home-client.ts'
import type { NameRouter } from '../naming/name-router.ts'
import type { KeptRecord } from '../naming/record.ts'
import type { ProfileDocument } from '../profile/document.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore, Operation } from '../store/key-value-store.ts'
import type { PinSet } from '../store/pins.ts'
import { sha256 } from '../store/sha256.ts'
import { untilAborted } from '../until-aborted.ts'
import { uploadMedia } from './home-media.ts'
import { homeTarget, homesOf, type KnownHomes, type ListedHome } from './known-homes.ts'
import { onBooks } from './pin-books.ts'
import { CONFLICT_TRIES, retryOnConflict, type KeptVersion } from './profile-state.ts'
import type { Receipt } from './receipt.ts'
import { keepKey } from './schedule.ts'

const PREFIX = 'outbox/'
/** Profiles in one page of the outbox. */
export const PAGE_ENTRIES = 64
export const BLOCKS_TARGET = 'blocks'

export interface OutboxParts {
  store: KeyValueStore
  blocks: HashStore
  pins: PinSet | undefined
  routers: readonly NameRouter[]
  /** Where there are, versions are sent to the homes that they list, too. */
  homes?: KnownHomes | undefined
  deliveryTimeoutMs: number
}

/**
 * Deliveries that are owed: `outbox/<id>` lists the targets that do not have the head of `id` yet. A newer version owes itself to all of them.
 *
 * An entry is written in the batch that makes a head, and shortened after deliveries; a crash in between delivers twice, which changes nothing.
 */
export class Outbox {
  private readonly parts: OutboxParts
  /** Where the last rotation with a limit ended. */
  private reached: ProfileId | undefined

  constructor (parts: OutboxParts) {
    this.parts = parts
  }

  /** Everybody who can take the version with this document. */
  targets (document: ProfileDocument): string[] {
    const homes = this.parts.homes ? homesOf(document).map(({ home }) => homeTarget(home)) : []
    return [...(this.parts.blocks.supports.put ? [BLOCKS_TARGET] : []), ...this.parts.routers.map(({ name }) => name), ...homes]
  }

  /** For the batch that makes `record` the head's. */
  async owe (record: KeptRecord, targets: readonly string[]): Promise<Operation> {
    const key = PREFIX + record.id
    return targets.length === 0 ? { type: 'delete', key } : { type: 'put', key, value: encodeCbor({ record: await sha256(record.bytes), targets }) }
  }

  /** For the batch after which nothing is owed of `id`. */
  waive (id: ProfileId): Operation {
    return { type: 'delete', key: PREFIX + id }
  }

  /** Profiles with deliveries owed, each with its targets. */
  async * entries (options: { signal?: AbortSignal } = {}): AsyncGenerator<{ id: ProfileId; targets: readonly string[] }> {
    for await (const [key, value] of this.parts.store.entries({ prefix: PREFIX }, options)) yield { id: recallProfileId(key.slice(PREFIX.length)), targets: decodeEntry(value).targets }
  }

  /** The profiles of {@link entries} after `after`, at most {@link PAGE_ENTRIES}: for who goes through all of them slowly. */
  async page ({ after, signal }: { after: ProfileId | undefined; signal: AbortSignal }): Promise<ProfileId[]> {
    const entries = this.parts.store.entries({ prefix: PREFIX, limit: PAGE_ENTRIES, ...(after === undefined ? {} : { gt: PREFIX + after }) }, { signal })
    return Array.fromAsync(entries, ([key]) => recallProfileId(key.slice(PREFIX.length)))
  }

  /** Every profile with deliveries owed, once; with a `limit`, so many of them, and the next call goes on where this one ended. */
  async * rotate ({ limit, carries, signal }: { limit: number; carries(id: ProfileId): boolean; signal: AbortSignal }): AsyncGenerator<ProfileId> {
    const start = limit === Infinity ? undefined : this.reached
    let after = start
    let isBeforeStart = false
    let left = limit
    while (left > 0) {
      const page = await this.page({ after, signal })
      for (const id of page) {
        if (isBeforeStart && id > start!) return
        if (!carries(id)) continue
        if (limit !== Infinity) this.reached = id
        yield id
        if (--left <= 0) return
      }
      after = page.at(-1)
      if (page.length === PAGE_ENTRIES) continue
      if (start === undefined || isBeforeStart) return
      isBeforeStart = true
      after = undefined
    }
  }

  /** Who does not have the head of `id` yet; `undefined` when everybody has. */
  async targetsOf (id: ProfileId, options: { signal: AbortSignal }): Promise<readonly string[] | undefined> {
    const bytes = await this.parts.store.get(PREFIX + id, options)
    return bytes && decodeEntry(bytes).targets
  }

  /**
   * Delivers `version` to `targets`, all at once, and takes those that have it off the list. Never rejects but for an abort or a failing `state`.
   * What is owed to a router that this client does not have stays owed to it.
   *
   * @param options `signer`: where the owner is at hand, homes also get what the version links to
   */
  async deliver (version: KeptVersion, targets: readonly string[], { signal, signer, onReceipt }: { signal: AbortSignal; signer?: MessageSigner | undefined; onReceipt?: (receipt: Receipt) => void }): Promise<Receipt[]> {
    const reachable = this.targets(version.document)
    const receipts = await Promise.all(
      targets.filter((target) => reachable.includes(target)).map(async (target) => {
        const receipt = await this.deliverTo(version, target, signer, signal)
        onReceipt?.(receipt)
        return receipt
      })
    )
    signal.throwIfAborted()
    await this.settle(version.record, receipts)
    return receipts
  }

  private async deliverTo (version: KeptVersion, target: string, signer: MessageSigner | undefined, signal: AbortSignal): Promise<Receipt> {
    const started = performance.now()
    const until = AbortSignal.any([signal, AbortSignal.timeout(this.parts.deliveryTimeoutMs)])
    try {
      await untilAborted(this.send(version, target, signer, until), until)
      return { target, outcome: 'delivered', ms: performance.now() - started }
    } catch (error) {
      const reason = reasonOf(error)
      return { target, outcome: 'failed', ms: performance.now() - started, reason, ...(error instanceof MercuryError ? { code: error.code } : {}) }
    }
  }

  private async send (version: KeptVersion, target: string, signer: MessageSigner | undefined, signal: AbortSignal): Promise<void> {
    const { blocks, pins, routers } = this.parts
    const { record, document, documentBytes } = version
    if (target === BLOCKS_TARGET) {
      await keepBlocks({ record, documentBytes }, { blocks, pins, signal })
      return
    }
    const router = routers.find(({ name }) => name === target)
    if (router) await router.put(record.id, record.bytes, { signal })
    else await this.sendHome(version, homesOf(document).find(({ home }) => homeTarget(home) === target)!, signer, signal)
  }

  /** The record goes there also where what it links to does not: the newest version is then found, and the receipt says what is wrong. */
  private async sendHome ({ record, documentBytes }: KeptVersion, home: ListedHome, signer: MessageSigner | undefined, signal: AbortSignal): Promise<void> {
    const { blocks, homes } = this.parts
    const contact = await homes!.contact(home, { signal })
    const [media] = await Promise.allSettled(signer ? [uploadMedia({ cid: record.cid, bytes: documentBytes }, contact, signer, { blocks, signal })] : [])
    const failure: unknown = media?.status === 'rejected' ? media.reason : undefined
    if (failure instanceof HomeUnreachableError) throw failure
    await contact.ask((client) => client.putRecord(record.id, record.bytes, { signal }))
    if (failure !== undefined) throw failure
  }

  /** Leaves the list alone when it is of another record by now: that one is owed to all. */
  private async settle (record: KeptRecord, receipts: readonly Receipt[]): Promise<void> {
    const key = PREFIX + record.id
    const delivered = new Set(receipts.filter(({ outcome }) => outcome === 'delivered').map(({ target }) => target))
    if (delivered.size === 0) return
    await retryOnConflict(CONFLICT_TRIES, async () => {
      const before = await this.parts.store.get(key)
      const entry = before && decodeEntry(before)
      if (!entry && delivered.has(BLOCKS_TARGET)) await this.dropForgotten(record.id)
      if (!entry || !equals(entry.record, await sha256(record.bytes))) return
      await this.parts.store.batch([{ type: 'check', key, value: before }, await this.owe(record, entry.targets.filter((target) => !delivered.has(target)))])
    })
  }

  /** Another process may have let the profile go while its blocks were pinned here. */
  private async dropForgotten (id: ProfileId): Promise<void> {
    const { store, pins } = this.parts
    const isKept = async (): Promise<boolean> => (await store.get(keepKey(id))) !== undefined
    if (!pins || (await isKept())) return
    await pins.unpin(id, { write: async (books) => {
      if (!(await isKept())) await store.batch([{ type: 'check', key: keepKey(id), value: undefined }, ...onBooks(books)])
    } })
  }
}

/** Puts the document and pins all that it links to, in one write where the store can. */
export const keepBlocks = async ({ record: { id, cid, sequence }, documentBytes }: Pick<KeptVersion, 'record' | 'documentBytes'>, { blocks, pins, signal }: Pick<OutboxParts, 'blocks' | 'pins'> & { signal: AbortSignal | undefined }): Promise<void> => {
  const putDocument = async (): Promise<void> => { if (blocks.supports.put) await blocks.put(cid, documentBytes, { signal }) }
  if (!pins) return putDocument()
  try {
    await pins.pin(id, [cid], { version: sequence, given: [{ cid, bytes: documentBytes }], signal })
  } catch (error) {
    // A picture that cannot be had keeps nobody from reading the document.
    await putDocument()
    throw error
  }
}

/** `record` is the sha2-256 of the record that is owed. */
const decodeEntry = (bytes: Uint8Array): { record: Uint8Array; targets: readonly string[] } => decodeCborMap(bytes) as unknown as { record: Uint8Array; targets: readonly string[] }
