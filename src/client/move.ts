import { equals } from 'uint8arrays'
import { decodeCborMap, encodeCbor } from '../cbor.ts'
import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { MAX_HOMES } from '../limits.ts'
import type { HomeEntry, ProfileDocument } from '../profile/document.ts'
import { agreeWith, bringTo, endAll, entryOf, othersThan, ownHead, readBack, requireHomes, tellLeft } from './agree.ts'
import { uploadMedia, type UploadedMedia } from './home-media.ts'
import { HomeBrokenError, type EndedHome, type JoinOptions, type MoveStep, type Moved } from './hosting.ts'
import { homeOf, homeTarget, homesOf, type KnownHomes, type ListedHome } from './known-homes.ts'
import { lookUp } from './look-up.ts'
import { findPlace, meetHome, type HomePlace } from './named-home.ts'
import type { ClientParts } from './parts.ts'
import { accept, edit } from './publish.ts'
import type { Published } from './receipt.ts'

/** What is written down of a move before each of its steps: `move/<id>`. */
interface MoveNote {
  readonly step: MoveStep
  readonly home: ProfileId
  readonly urls: readonly string[]
  readonly trusted: boolean
  readonly voucher?: string
  readonly from: readonly ListedHome[]
}

const NO_MEDIA: UploadedMedia = { blocks: 0, bytes: 0, missing: [] }

/**
 * Moves the signer's persona: agreement with the new home -> media there -> a version with the new home first and the old ones after -> read back from the new home and from one router
 * -> a version without the old ones -> their agreements ended.
 *
 * Each step is written down before it starts, and does nothing where it was done: a move that was cut off goes on by another call, without `where` on this device, with it on any other.
 *
 * @param where a URL, a `mercury:` link or a profile ID; that of the move that was cut off where it is left out
 * @throws MercuryError `NOTHING_TO_MOVE` without `where` when none was
 */
export const move = async (signer: Signer, where: string | undefined, options: JoinOptions, parts: ClientParts): Promise<Moved> => {
  const homes = requireHomes(parts)
  const signal = options.signal ? AbortSignal.any([options.signal, parts.closing]) : parts.closing
  const before = await readNote(signer.id, parts, signal)
  const place = where === undefined ? before : await findPlace(where, { signal }, parts)
  if (!place) throw new MercuryError('NOTHING_TO_MOVE', 'no move was cut off on this device; say where to move')
  const voucher = options.voucher ?? place.voucher
  const moving = new Move(signer, homes, { ...options, ...(voucher === undefined ? {} : { voucher }), signal }, parts)
  const goesOn = before !== undefined && (place.home === before.home || place.urls.some((url) => before.urls.includes(url)))
  return (goesOn ? await moving.finish(before) : undefined) ?? moving.run(place, before)
}

class Move {
  private readonly signer: Signer
  private readonly homes: KnownHomes
  private readonly options: JoinOptions & { signal: AbortSignal }
  private readonly parts: ClientParts

  constructor (signer: Signer, homes: KnownHomes, options: JoinOptions & { signal: AbortSignal }, parts: ClientParts) {
    this.signer = signer
    this.homes = homes
    this.options = options
    this.parts = parts
  }

  async run (place: HomePlace, before: MoveNote | undefined): Promise<Moved> {
    const { signer, homes, options, parts } = this
    const { signal, voucher, onProgress } = options
    const met = await meetHome(place, homes, { signal }, parts)
    const { home, contact, named } = met
    onProgress?.({ type: 'described', description: met.description })
    const head = await ownHead(signer.id, options, parts)
    // A move that went elsewhere is over: where it led is left, too.
    const earlier = before ? [...before.from, { home: before.home, addrs: [] }] : []
    const from = [...new Map([...earlier, ...homesOf(head?.document)].map((old) => [old.home, old])).values()].filter((old) => old.home !== home)
    const begin = (step: MoveStep): Promise<void> => this.note({ step, home, urls: place.urls, trusted: place.trusted, ...(voucher === undefined ? {} : { voucher }), from })

    await begin('agree')
    const { acceptance, state } = await agreeWith(met, signer, head?.document, options, parts)
    onProgress?.({ type: 'agreed', home, acceptance })
    if (named.length > 0) await homes.remember(home, named, { signal })

    await begin('media')
    const holders = await Promise.all(from.map((old) => homes.contact(old, { signal })))
    const media = head ? await uploadMedia({ cid: head.record.cid, bytes: head.documentBytes }, contact, signer, { blocks: parts.blocks, holders, signal }) : NO_MEDIA
    onProgress?.({ type: 'uploaded', home, media })

    await begin('publish')
    const isFirst = startsWith(head?.document, acceptance)
    const added = isFirst ? await this.sendAgain() : await this.publish(home, (document) => [acceptance, ...othersThan(document, home)].slice(0, MAX_HOMES))

    await begin('read-back')
    await readBack(home, contact, signer.id, { signal }, parts).catch(async (error: unknown) => {
      const newest = await parts.state.head(signer.id, { now: parts.clock(), signal })
      if (!newest || !(error instanceof HomeBrokenError)) throw error
      await bringTo(contact, newest, signer, { signal }, parts)
      await readBack(home, contact, signer.id, { signal }, parts)
    })
    await this.readElsewhere()
    onProgress?.({ type: 'active', home })

    await begin('withdraw')
    const newest = await parts.state.head(signer.id, { now: parts.clock(), signal })
    const isAlone = newest !== undefined && newest.document.homes?.length === 1
    if (isAlone) await tellLeft(from, newest, homes, parts)
    const published = isAlone ? added : await this.publish(home, () => [acceptance], (next) => tellLeft(from, next, homes, parts))

    await begin('end')
    const left = await this.end(from)
    return { home, acceptance, already: state === 'active' && isFirst && isAlone && left.length === 0, media, left, ...(published ? { published } : {}) }
  }

  /** The last step alone, which needs nothing of the new home; `undefined` when there are others to do. */
  async finish ({ step, home, from }: MoveNote): Promise<Moved | undefined> {
    const { signer: { id }, parts, options: { signal } } = this
    if (step !== 'end') return undefined
    const head = await parts.state.head(id, { now: parts.clock(), signal })
    const acceptance = head && entryOf(head.document, home)
    return acceptance && { home, acceptance, already: false, media: NO_MEDIA, left: await this.end(from) }
  }

  private async end (from: readonly ListedHome[]): Promise<EndedHome[]> {
    const { signer, homes, parts, options: { signal, onProgress } } = this
    const left = await endAll(from, signer, homes, { signal }, parts)
    for (const ended of left) onProgress?.({ type: 'ended', ended })
    await parts.store.delete(moveKey(signer.id), { signal })
    return left
  }

  private async publish (home: ProfileId, entries: (document: ProfileDocument | undefined) => readonly HomeEntry[], before?: Parameters<typeof edit>[2]['before']): Promise<Published> {
    const { wait, first, signal, onProgress } = this.options
    return edit(this.signer, (draft) => draft, { wait, first, signal, onProgress, fields: (document) => ({ homes: entries(document) }), needs: [homeTarget(home)], ...(before ? { before } : {}) }, this.parts)
  }

  /** What another device made may have reached one router alone. */
  private async sendAgain (): Promise<undefined> {
    const { signer: { id }, parts, options: { signal } } = this
    const head = await parts.state.head(id, { now: parts.clock(), signal })
    if (head) await accept({ document: head.documentBytes, record: head.record.bytes }, id, { wait: 'any', signal }, parts)
  }

  /** @throws HomeBrokenError `NOT_READ_BACK` when there are routers and none has the newest version */
  private async readElsewhere (): Promise<void> {
    const { signer: { id }, parts, options: { signal } } = this
    if (parts.routers.length === 0) return
    const { confirmedBy } = await lookUp(id, { policy: 'all', signal }, { ...parts, homes: undefined })
    if (confirmedBy === undefined) throw new HomeBrokenError('NOT_READ_BACK', 'no router but the new home has the newest version yet; the old homes are kept until one has')
  }

  private async note (note: MoveNote): Promise<void> {
    const { signer, parts, options: { signal, onProgress } } = this
    await parts.store.put(moveKey(signer.id), encodeCbor({ ...note, from: note.from.map(({ home, addrs }) => ({ home, addrs })) }), { signal })
    onProgress?.({ type: 'step', step: note.step })
  }
}

const readNote = async (id: ProfileId, { store }: ClientParts, signal: AbortSignal): Promise<MoveNote | undefined> => {
  const bytes = await store.get(moveKey(id), { signal })
  return bytes && decodeCborMap(bytes) as unknown as MoveNote
}

const moveKey = (id: ProfileId): string => `move/${id}`

const startsWith = (document: ProfileDocument | undefined, acceptance: HomeEntry): boolean => {
  const current = document?.homes?.[0]
  return current !== undefined && homeOf(current) === homeOf(acceptance) && equals(current.sig, acceptance.sig)
}
