import { decodeCbor, encodeCbor } from '../../cbor.ts'
import { MercuryError } from '../../errors.ts'
import type { Agreement, AgreementRequest } from '../../hosting/agreement.ts'
import { termsDigest } from '../../hosting/agreement.ts'
import type { VerifiedInvitation } from '../../hosting/invitation.ts'
import { decodeProfileId, encodeProfileId, parseProfileId, type ProfileId } from '../../identity/profile-id.ts'
import type { MessageSigner } from '../../identity/signed-map.ts'
import { DAY_MS, HOUR_MS, SECOND_MS } from '../../limits.ts'
import { acceptHosting } from '../../profile/acceptance.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import type { Operation } from '../../store/key-value-store.ts'
import { createLock } from '../../store/lock.ts'
import type { HomeSettings } from '../settings.ts'
import { agreementKey, banKey, changeAgreement, decodeAgreement, isAcceptanceOf, isHeld, isSameNext, type AgreementEntry, type ReadAgreement } from './agreement-entry.ts'
import { changing, type BookOptions, type BookParts, type ChangeNote, type ChangeOptions } from './book.ts'
import type { Vouchers } from './vouchers.ts'
import { decodeWitness, encodeWitness, witnessKey } from './witness.ts'

/** How the home stands to a profile: its agreement, what is left of one, a ban, or nothing. */
export type AgreementStanding = AgreementEntry['state'] | 'leaving' | 'banned' | 'none'

export interface AgreementsParts extends BookParts {
  readonly home: MessageSigner
  readonly settings: HomeSettings
  readonly vouchers: Vouchers
  /** Whether the program keeps `id` on its own account. */
  isKept(id: ProfileId): Promise<boolean>
}

export const COUNT = 'count'

/**
 * The agreements of a home: `agreement/<id>`, at most one for each profile, from when it is offered until nothing of it is left.
 *
 * Each change is one batch, conditional on the entry that it was computed from, on the ban, the pledge and the number of places, whichever it rests on;
 * so any number of processes may work on one state. How many places are taken stands under `count`.
 */
export class Agreements {
  private readonly parts: AgreementsParts
  /** In one process, changes of the count wait for each other instead of failing. */
  private readonly lock = createLock()

  constructor (parts: AgreementsParts) {
    this.parts = parts
  }

  async read (id: ProfileId, options?: BookOptions): Promise<ReadAgreement | undefined> {
    const bytes = await this.parts.store.get(agreementKey(id), options)
    return bytes && { bytes, entry: decodeAgreement(bytes) }
  }

  /** One read for whoever has a place: a ban ends the agreement in its own batch, so that nobody has both. */
  async standing (id: ProfileId, options?: BookOptions): Promise<AgreementStanding> {
    const found = await this.read(id, options)
    const state = found?.entry.leaving ? 'leaving' : found?.entry.state
    if (state === 'active' || state === 'offered') return state
    if (await this.parts.store.get(banKey(id), options)) return 'banned'
    return state ?? 'none'
  }

  /** How many are offered or active. */
  async count (options?: BookOptions): Promise<number> {
    return decodeCount(await this.parts.store.get(COUNT, options))
  }

  /**
   * Offers `persona` a place, and signs its pledge for good. Who has one is answered with the same acceptance, and uses no voucher; who had one gets a new acceptance.
   *
   * @returns `isNew`: it was not there before
   * @throws MercuryError `BANNED`, `PLEDGE_CONTESTED`, `HOME_CLOSED`, `INVITATION_NEEDED`, `TERMS_CHANGED`, `HOME_FULL`, `LEAVING`, and what {@link Vouchers} throw
   */
  async offer (request: AgreementRequest, { note, signal }: ChangeOptions = {}): Promise<{ entry: AgreementEntry; isNew: boolean }> {
    const { store, clock, home, settings, vouchers } = this.parts
    const { persona, next } = request
    const peer = request.peer === undefined ? undefined : readPeer(request.peer)
    const { held } = await this.judge(request, { signal })
    if (held) {
      await changing(() => store.batch(note?.operations ?? [], { signal }), { note, signal })
      return { entry: held, isNew: false }
    }
    const voucher = settings.policy === 'invitation' ? await this.requireVoucher(request.voucher) : undefined
    const now = clock()
    const since = Math.floor(now / SECOND_MS)
    const until = settings.agreementDays === undefined ? undefined : since + settings.agreementDays * (DAY_MS / SECOND_MS)
    // Signed before anybody has to wait for it; who was faster, or is refused, leaves it unused and unseen.
    const { sig } = await acceptHosting({ persona, since, until, next }, home)
    const isKept = await this.parts.isKept(persona)
    return this.lock(COUNT, () => changing(async () => {
      const { held: faster, before, witness } = await this.judge(request, { signal })
      if (faster) {
        await store.batch(note?.operations ?? [], { signal })
        return { entry: faster, isNew: false }
      }
      const entry: AgreementEntry = {
        ...lasting(before?.entry, isKept),
        state: 'offered',
        since,
        ...(until === undefined ? {} : { until }),
        next,
        sig,
        offeredAt: now,
        due: Math.min(now + settings.offerHours * HOUR_MS, until === undefined ? Infinity : until * SECOND_MS),
        ...(peer === undefined ? {} : { peer })
      }
      await store.batch([
        ...changeAgreement(persona, before, entry),
        ...await this.countOf(before?.entry, entry, { signal }),
        { type: 'check', key: banKey(persona), value: undefined },
        { type: 'check', key: witnessKey(persona), value: witness },
        ...(witness ? [] : [{ type: 'put', key: witnessKey(persona), value: encodeWitness(next) } as const]),
        ...(voucher ? await vouchers.use(voucher, { signal }) : []),
        ...note?.operations ?? []
      ], { signal })
      return { entry, isNew: true }
    }, { note, signal }))
  }

  /**
   * What follows from a document that its owner published and that was taken here: it carries the home's acceptance, or no longer does, or is the last one.
   *
   * @param isCurrent whether it is the newest one still, asked before an agreement ends by it
   * @returns what the agreement came to, `undefined` where it stays as it is
   */
  async taken (id: ProfileId, document: ProfileDocument, { isCurrent, signal }: BookOptions & { isCurrent: () => Promise<boolean> }): Promise<'active' | 'ended' | undefined> {
    const found = await this.read(id, { signal })
    if (!found || found.entry.leaving) return undefined
    const verdict = judgeDocument(found.entry, document, this.parts.home.id)
    if (verdict === undefined) return undefined
    if (verdict === 'active') {
      await this.change(id, (entry) => (entry.state === 'offered' ? { ...entry, state: 'active', activeAt: this.parts.clock(), due: entry.until === undefined ? undefined : entry.until * SECOND_MS } : undefined), { keepsPlace: true, signal })
      return 'active'
    }
    if (!(await isCurrent())) return undefined
    await this.change(id, (entry) => (isHeld(entry) || document.gone ? { ...this.ended(entry), ...(document.gone ? { gone: true } : {}) } : undefined), { signal })
    return 'ended'
  }

  /** Ends it on its owner's word. @returns the entry, `undefined` where there is none; one that has ended stays as it is */
  async end (id: ProfileId, { note, signal }: ChangeOptions = {}): Promise<AgreementEntry | undefined> {
    return this.change(id, (entry) => (isHeld(entry) ? this.ended(entry) : undefined), { note, signal })
  }

  /** `note`, for a batch that leaves something for `id` here: it is written only while there is a place for it, so that nothing stays of who is forgotten. @throws MercuryError `NOT_HOSTED`, in `refuseUsed` */
  whileHeld (id: ProfileId, note: ChangeNote): ChangeNote {
    let held: Operation[] = []
    return {
      get operations () {
        return [...held, ...note.operations]
      },
      refuseUsed: async (options) => {
        await note.refuseUsed(options)
        const found = await this.read(id, options)
        if (!found || !isHeld(found.entry) || found.entry.leaving) throw new MercuryError('NOT_HOSTED', 'this profile has no agreement with this home any more')
        held = [{ type: 'check', key: agreementKey(id), value: found.bytes }]
      }
    }
  }

  /** @param bytes `undefined` for the home's own setting */
  async setQuota (id: ProfileId, bytes: number | undefined, options?: BookOptions): Promise<void> {
    const after = await this.change(id, (entry) => ({ ...entry, quota: bytes }), options)
    if (!after) throw new MercuryError('NOT_HOSTED', `${id} has no agreement with this home`)
  }

  /** The entry as it is when it has ended now. */
  ended (entry: AgreementEntry): AgreementEntry {
    const now = this.parts.clock()
    return { ...entry, state: 'ended', endedAt: now, due: now + this.parts.settings.unhostedDays * DAY_MS }
  }

  /**
   * Changes the entry of `id` as `step` says.
   *
   * @param step gives the entry as it is to be, `undefined` to leave it, `'gone'` to remove it; called again when another was faster
   * @param options `also`: operations of the same batch, computed after `step`; `keepsPlace`: no place is taken or given back, so that nobody has to wait for another
   * @returns the entry as it is now, `undefined` where there is none
   */
  async change (id: ProfileId, step: (entry: AgreementEntry) => AgreementEntry | 'gone' | undefined, { note, also, keepsPlace = false, signal }: ChangeOptions & { also?: () => readonly Operation[]; keepsPlace?: boolean } = {}): Promise<AgreementEntry | undefined> {
    const attempt = (): Promise<AgreementEntry | undefined> => changing(async () => {
      const before = await this.read(id, { signal })
      const next = before && step(before.entry)
      const after = next === 'gone' ? undefined : next ?? before?.entry
      const unchanged: Operation[] = [{ type: 'check', key: agreementKey(id), value: before?.bytes }]
      const operations = before && next !== undefined ? [...changeAgreement(id, before, after), ...await this.countOf(before.entry, after, { signal })] : unchanged
      await this.parts.store.batch([...operations, ...also?.() ?? [], ...note?.operations ?? []], { signal })
      return after
    }, { note, signal })
    return keepsPlace ? attempt() : this.lock(COUNT, attempt)
  }

  /** For a batch that makes `after` of `before`. @throws MercuryError `HOME_FULL` */
  async countOf (before: AgreementEntry | undefined, after: AgreementEntry | undefined, options?: BookOptions): Promise<Operation[]> {
    const difference = Number(isHeld(after)) - Number(isHeld(before))
    if (difference === 0) return []
    const bytes = await this.parts.store.get(COUNT, options)
    const count = decodeCount(bytes)
    if (difference > 0 && count >= this.parts.settings.maxProfiles) throw new MercuryError('HOME_FULL', `this home hosts ${this.parts.settings.maxProfiles} profiles and takes no more`)
    return [{ type: 'check', key: COUNT, value: bytes }, { type: 'put', key: COUNT, value: encodeCbor(Math.max(0, count + difference)) }]
  }

  /** An agreement as it is told to its owner. */
  describe (persona: ProfileId, { state, since, until, next, sig, offeredAt, endedAt, due, quota }: AgreementEntry, { usedBytes, addresses }: { usedBytes: number; addresses: readonly string[] }): Agreement {
    const { home, settings } = this.parts
    return {
      persona,
      state,
      acceptance: { id: encodeProfileId(home.id), since, ...(until === undefined ? {} : { until }), sig, ...(addresses.length > 0 ? { addrs: addresses } : {}) },
      next,
      ...(state === 'offered' ? { lapsesAt: Math.floor((due ?? offeredAt) / SECOND_MS) } : {}),
      ...(state === 'ended' && endedAt !== undefined ? { endedAt: Math.floor(endedAt / SECOND_MS) } : {}),
      quotaBytes: quota ?? settings.quotaBytes,
      usedBytes
    }
  }

  /** Whoever may not have an agreement, is told why. @returns the agreement that he has, and what was read: a batch that rests on this judgement is conditional on both */
  private async judge ({ persona, next, terms }: AgreementRequest, options: BookOptions): Promise<{ held: AgreementEntry | undefined; before: ReadAgreement | undefined; witness: Uint8Array | undefined }> {
    const { store, settings } = this.parts
    const [found, ban, witness] = await Promise.all([this.read(persona, options), store.get(banKey(persona), options), store.get(witnessKey(persona), options)])
    if (ban) throw new MercuryError('BANNED', 'this home does not host this profile')
    // Another process may have written the agreement between the reads, and with it the witness.
    const pledged = witness ? decodeWitness(witness) : isHeld(found?.entry) ? found!.entry.next : undefined
    if (pledged !== undefined && !isSameNext(pledged, next)) throw new MercuryError('PLEDGE_CONTESTED', 'this home has witnessed another pledge of this profile, and never a second one')
    if (found?.entry.gone) throw new MercuryError('GONE', 'this profile was removed for good')
    if (found?.entry.leaving) throw new MercuryError('LEAVING', 'what was here of this profile is being removed; try again in a minute')
    if (found && isHeld(found.entry)) return { held: found.entry, before: found, witness }
    if (settings.policy === 'closed') throw new MercuryError('HOME_CLOSED', 'this home takes nobody')
    if (settings.terms !== undefined && !(terms && isSameNext(terms, termsDigest(settings.terms)))) throw new MercuryError('TERMS_CHANGED', 'whoever joins agrees to the terms of this home as they are now; read them and name their digest')
    return { held: undefined, before: found, witness }
  }

  private async requireVoucher (voucher: string | undefined): Promise<VerifiedInvitation> {
    if (voucher === undefined) throw new MercuryError('INVITATION_NEEDED', 'this home takes who was invited; show a voucher')
    return this.parts.vouchers.verify(voucher)
  }
}

/** What a document means for the agreement of its owner. */
const judgeDocument = (entry: AgreementEntry, document: ProfileDocument, home: ProfileId): 'active' | 'ended' | undefined => {
  if (document.gone) return isHeld(entry) || !entry.gone ? 'ended' : undefined
  const ours = document.homes?.some((accepted) => decodeProfileId(accepted.id) === home && isAcceptanceOf(entry, accepted)) ?? false
  if (entry.state === 'offered' && ours) return 'active'
  return entry.state === 'active' && !ours ? 'ended' : undefined
}

/** What goes over from the agreement before. */
const lasting = (before: AgreementEntry | undefined, isKept: boolean): Partial<AgreementEntry> => ({
  ...(before?.endedAt === undefined ? {} : { endedAt: before.endedAt }),
  ...(before?.quota === undefined ? {} : { quota: before.quota }),
  // A profile with an agreement, also an ended one, is kept for its sake.
  ...((before ? before.kept : isKept) ? { kept: true } : {})
})

/** Ed25519 peers alone, for the key must be in the name: it becomes a part of a store key. */
const readPeer = (text: string): ProfileId => {
  try {
    return parseProfileId(text)
  } catch (error) {
    throw new MercuryError('INVALID_PEER', 'peer is not the ID of an Ed25519 libp2p peer', { cause: error })
  }
}

const decodeCount = (bytes: Uint8Array | undefined): number => (bytes ? decodeCbor(bytes) as number : 0)
