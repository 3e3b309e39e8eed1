import type { CID } from 'multiformats/cid'
import type { CborMap } from '../cbor.ts'
import { ConflictError, MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { CLOCK_WARNING_MS, SECOND_MS } from '../limits.ts'
import { GoneError, UnreachableError, type RouterAnswer } from '../naming/answer.ts'
import { compareRecords, createValidRecord, readProfileRecord } from '../naming/record.ts'
import { raiseFloor, type Floor } from '../naming/floor.ts'
import { documentDigest, documentTime, signDocument, verifyDocument, type ProfileDocument } from '../profile/document.ts'
import { draftOf, type ProfileDraft } from '../profile/draft.ts'
import type { Operation } from '../store/key-value-store.ts'
import { newLinks } from './attachments.ts'
import { lookUp, type Lookup, type Policy } from './look-up.ts'
import { BLOCKS_TARGET } from './outbox.ts'
import type { ClientParts } from './parts.ts'
import { CONFLICT_TRIES, retryOnConflict, type Head } from './profile-state.ts'
import { UndeliveredError, type Published, type Receipt, type Wait } from './receipt.ts'

/** What happens while a version is made and sent, for a terminal or a log. */
export type PublishProgress =
  | { type: 'looked-up'; sequence: bigint | undefined; answers: readonly RouterAnswer[] }
  | { type: 'signed'; sequence: bigint; documentBytes: number; recordBytes: number; inline: boolean }
  | { type: 'saved' }
  | { type: 'receipt'; receipt: Receipt }
  | { type: 'warning'; code: 'CLOCK'; message: string }

export interface DeliveryOptions {
  /** When to answer: saved here, taken by one router (and, where the document does not ride in the record, the block store), or by all. */
  wait?: Wait
  signal?: AbortSignal
  onProgress?: (progress: PublishProgress) => void
}

export interface PublishOptions extends DeliveryOptions {
  /** The version that the draft was made over; `CONFLICT` when the head is another. */
  after?: CID
  /** Says that this key never published before, so that nobody needs to be asked for a version above which to go on. */
  first?: boolean
  /** Fields beside the attributes, such as a home's `addrs`, over those of the document before; an empty list takes one out. */
  fields?: (before: ProfileDocument | undefined) => CborMap
  /** How long the record is valid; 365 days by default. */
  validityMs?: number
  /** How long others may answer from memory; 5 minutes by default. */
  ttlMs?: number
}

/** What a version of this library's own making may need beside a draft. */
export interface VersionOptions extends PublishOptions {
  /** Targets that must have taken it before the call answers, whatever `wait` asks. */
  needs?: readonly string[]
  /** Done between saving and sending. It must end, and reject for nothing but a closing client. */
  before?: (head: Head) => Promise<void>
}

/** Nobody could say whether there is a version already; publishing below it would be lost. */
export class SequenceUnknownError extends MercuryError {
  override readonly name = 'SequenceUnknownError'
  readonly answers: readonly RouterAnswer[]
  constructor (id: ProfileId, answers: readonly RouterAnswer[], options?: ErrorOptions) {
    super('SEQUENCE_UNKNOWN', `no router could say which version of ${id} is the newest; try again online, or say that it is the first`, options)
    this.answers = answers
  }
}

/**
 * Publishes `draft` as the next version over whatever head there is. A name that points to something else than a profile becomes one,
 * unless the caller says over which version: it has then read a profile there.
 */
export const publish = (draft: ProfileDraft, signer: Signer, options: PublishOptions, parts: ClientParts): Promise<Published> =>
  parts.exclusively(signer.id, () =>
    retryOnConflict(options.after ? 1 : CONFLICT_TRIES, async () => {
      const base = await findBase(signer.id, options, parts, { elsewhere: !options.after })
      if (options.after && !base.floor?.cid.equals(options.after)) throw new ConflictError(`the newest version of ${signer.id} is ${base.floor?.cid.toString() ?? 'none'}, not ${options.after.toString()}; read it and try again`)
      return publishOver(base, { draft }, signer, options, parts)
    })
  )

/** Reads the head, changes its draft, publishes; again from the start when another device was faster. */
export const edit = (signer: Signer, change: (draft: ProfileDraft) => ProfileDraft | Promise<ProfileDraft>, options: VersionOptions, parts: ClientParts): Promise<Published> =>
  parts.exclusively(signer.id, () =>
    retryOnConflict(CONFLICT_TRIES, async () => {
      const base = await findBase(signer.id, options, parts)
      if (!base.head && base.sequence > 0n) throw new UnreachableError(signer.id, base.answers, { what: `version ${base.sequence} of ${signer.id} was found, but nobody had its document to edit` })
      const before = base.head ? draftOf(base.head.document) : {}
      return publishOver(base, { draft: await change(copyOf(before) as ProfileDraft), before }, signer, options, parts)
    })
  )

/** Publishes the tombstone. */
export const remove = (signer: Signer, options: PublishOptions, parts: ClientParts): Promise<Published> =>
  parts.exclusively(signer.id, () =>
    retryOnConflict(CONFLICT_TRIES, async () => {
      const base = await findBase(signer.id, options, parts)
      return publishOver(base, { draft: {}, gone: true }, signer, options, parts)
    })
  )

/**
 * Takes a version that its owner signed elsewhere: no key needed.
 *
 * What loses against the head, or is the head, changes nothing and is sent to nobody once the profile is kept: homes that pass records
 * on to each other must come to rest, and a replayed record must not push out one with a longer validity.
 */
export const accept = ({ document, record }: { document?: Uint8Array; record: Uint8Array }, id: ProfileId, options: DeliveryOptions, parts: ClientParts): Promise<Published> => parts.exclusively(id, async () => {
  const { signal } = options
  const now = parts.clock()
  const candidate = await readProfileRecord(id, record, { now })
  const documentBytes = document ?? candidate.documentBytes
  if (!documentBytes) throw new MercuryError('DOCUMENT_MISSING', 'the record does not carry its document; pass the document too')
  const verified = await verifyDocument(documentBytes, { id, cid: candidate.cid })
  // What stands in `state` was verified on its way in: a home takes versions as fast as two signatures each can be.
  const attempt = async (): Promise<Published> => {
    const [known, turn] = await Promise.all([parts.state.kept(id, { signal }), parts.schedule.keep(id, now, { signal })])
    if (known?.floor.gone && !candidate.cid.equals(known.floor.cid)) throw new GoneError(id, [])
    const floor = raiseFloor(id, candidate, verified.document, known?.floor)
    if (!known?.record || compareRecords(candidate, known.record) > 0) {
      const head = { record: candidate, document: verified.document, documentBytes, floor, checkedAt: now }
      return commitAndDeliver(head, known?.floor, { ...options, turn, uploads: newLinks({ cid: candidate.cid, bytes: documentBytes }) }, parts)
    }
    const { cid, sequence } = known.record
    if (!candidate.cid.equals(cid)) await parts.state.keepFork(id, [known.record, candidate], { now, signal })
    if (await parts.schedule.isKept(id, { signal })) return { id, cid, sequence, receipts: [], pending: [] }
    const head = await parts.state.head(id, { now, signal })
    if (!head) throw new ConflictError(`${id} was forgotten meanwhile`)
    return commitAndDeliver(head, head.floor, { ...options, turn }, parts)
  }
  return retryOnConflict(CONFLICT_TRIES, attempt)
})

interface Base {
  head: Head | undefined
  /** That of a profile that was forgotten here, too. */
  floor: Floor | undefined
  /** The highest sequence known, that of a record whose document could not be read too. */
  sequence: bigint
  answers: readonly RouterAnswer[]
  found?: Published['found']
}

const findBase = async (id: ProfileId, { wait, first, after, signal, onProgress }: PublishOptions, parts: ClientParts, { elsewhere: takesOver = false } = {}): Promise<Base> => {
  const floor = await parts.state.floor(id, { signal })
  const asks = floor ? wait !== 'local' || after !== undefined : !first
  const ask = (policy: Policy): Promise<Lookup> => lookUp(id, { policy, elsewhere: takesOver, signal }, parts)
  const local = asks ? undefined : await ask('offline')
  // Of a profile that was forgotten here others may have the document, with all that is carried over.
  const asksAll = !local || (floor !== undefined && !local.head && !first)
  const { head, floor: known, sequence, answers, confirmedBy, elsewhere } = local && !asksAll ? local : await ask('all')
  if (asksAll) onProgress?.({ type: 'looked-up', sequence: elsewhere?.sequence ?? head?.record.sequence, answers })
  if (known?.gone) throw new GoneError(id, answers)
  const nobodySays = answers.length > 0 && !answers.some(({ outcome }) => outcome === 'none')
  if (asksAll && sequence === undefined && nobodySays) throw new SequenceUnknownError(id, answers)
  const isNews = sequence !== undefined && confirmedBy !== undefined && (!floor || elsewhere !== undefined)
  const found = isNews ? { found: { sequence, source: confirmedBy, ...(elsewhere ? { value: new TextDecoder().decode(elsewhere.value) } : {}) } } : {}
  return { head, floor: known, answers, sequence: sequence ?? 0n, ...found }
}

interface Change {
  draft: ProfileDraft
  before?: ProfileDraft
  gone?: boolean
}

const publishOver = async ({ head, floor, sequence, found }: Base, { draft: wanted, before, gone }: Change, signer: Signer, options: VersionOptions, parts: ClientParts): Promise<Published> => {
  const { validityMs, ttlMs, signal, onProgress } = options
  const now = parts.clock()
  // Without its document, what it fixed for good is known from the floor.
  const draft = head || !floor ? wanted : { kind: floor.kind, ...wanted }
  const time = documentTime(draft.kind ?? head?.document.kind, now)
  if (head && head.document.time * SECOND_MS > now + CLOCK_WARNING_MS) {
    onProgress?.({ type: 'warning', code: 'CLOCK', message: `the version before this one is dated ${new Date(head.document.time * SECOND_MS).toISOString()}; this clock says ${new Date(now).toISOString()}` })
  }
  const prev = floor ? documentDigest(floor.cid) : null
  const signed = await signDocument(draft, signer, { seq: nextSequence(sequence, time), prev, time }, { base: head?.document, before, fields: options.fields?.(head?.document), gone, signal })
  const record = await createValidRecord(signed, signer, { now, validityMs, ttlMs, signal })
  onProgress?.({ type: 'signed', sequence: record.sequence, documentBytes: signed.bytes.byteLength, recordBytes: record.bytes.byteLength, inline: record.documentBytes !== undefined })
  const next = { record, document: signed.document, documentBytes: signed.bytes, floor: raiseFloor(signer.id, record, signed.document, floor), checkedAt: now }
  // `edit` carries over what it does not touch: for that nothing was attached.
  const links = newLinks(signed, before && head ? { cid: head.record.cid, bytes: head.documentBytes } : undefined)
  const published = await commitAndDeliver(next, floor, { ...options, links, signer }, parts)
  return found ? { ...published, found } : published
}

/** Above every version known, and above the owner's own past even where a router withholds it. */
const nextSequence = (highest: bigint, time: number): number => {
  const next = highest + 1n > BigInt(time) ? highest + 1n : BigInt(time)
  if (next > BigInt(Number.MAX_SAFE_INTEGER)) throw new MercuryError('SEQUENCE_EXHAUSTED', `there is no version above ${highest}; only a succession to the next key goes on`)
  return Number(next)
}

interface CommitOptions extends DeliveryOptions, Pick<VersionOptions, 'needs' | 'before'> {
  /** Blocks that may have been attached for this version; it needs them from when it is saved. */
  links?: readonly CID[]
  /** Blocks that the owner may have uploaded for this version. */
  uploads?: readonly CID[]
  /** When it is relayed next, for the batch; read now where absent. */
  turn?: readonly Operation[]
  signer?: Signer
}

/** @param floor the one that `head` was made over */
const commitAndDeliver = async (head: Head, floor: Floor | undefined, { wait = 'any', links = [], uploads = [], turn, needs = [], before, signer, signal, onProgress }: CommitOptions, parts: ClientParts): Promise<Published> => {
  const { attachments, deliveries, outbox, schedule, state, closing } = parts
  const { id, cid, sequence } = head.record
  const targets = outbox.targets(head.document)
  const [owed, kept] = await Promise.all([outbox.owe(head.record, targets), turn ?? schedule.keep(id, parts.clock(), { signal })])
  await state.commit(head, floor, { also: [owed, ...kept], signal })
  onProgress?.({ type: 'saved' })
  const receipts: Receipt[] = []
  const summary = (): Published => ({ id, cid, sequence, receipts: [...receipts], pending: targets.filter((target) => !receipts.some((receipt) => receipt.target === target && receipt.outcome === 'delivered')) })
  const isEnough = (): boolean => !needs.some((target) => summary().pending.includes(target)) && isWaitedFor()
  const isWaitedFor = (): boolean => wait === 'local' || (wait === 'all' ? summary().pending.length === 0 : isTaken(head, targets, receipts))
  const { promise: enough, resolve } = Promise.withResolvers<void>()
  if (isEnough()) resolve()
  const handOver = attachments.handOver({ id, sequence, links, uploads }, { signal: closing })
  const deliver = (): Promise<void> => deliveries.deliver(head, targets, {
    isAwaited: wait !== 'local' || needs.length > 0,
    signal,
    signer,
    onReceipt: (receipt) => {
      receipts.push(receipt)
      onProgress?.({ type: 'receipt', receipt })
      if (isEnough()) resolve()
    }
  })
  const delivery = handOver.then(() => before?.(head)).then(deliver)
  parts.background(delivery)
  await Promise.race([handOver.then(() => enough), delivery, ...(signal ? [aborted(signal)] : [])])
  if (!isEnough()) throw new UndeliveredError(summary())
  return summary()
}

/** One router has the record, and whoever finds it there can have the document. */
const isTaken = (head: Head, targets: readonly string[], receipts: readonly Receipt[]): boolean => {
  const has = (target: string): boolean => receipts.some((receipt) => receipt.target === target && receipt.outcome === 'delivered')
  const routers = targets.filter((target) => target !== BLOCKS_TARGET)
  return (routers.length === 0 || routers.some(has)) && (head.record.documentBytes !== undefined || !targets.includes(BLOCKS_TARGET) || has(BLOCKS_TARGET))
}

const aborted = (signal: AbortSignal): Promise<never> => {
  const { promise, reject } = Promise.withResolvers<never>()
  if (signal.aborted) reject(signal.reason as Error)
  else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  return promise
}

/** What `change` may alter in place; CIDs and bytes are shared. */
const copyOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(copyOf)
  const isMap = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  return isMap ? Object.fromEntries(Object.entries(value).map(([key, child]) => [key, copyOf(child)])) : value
}
