import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { MessageSigner } from '../identity/signed-map.ts'
import { untilAborted } from '../until-aborted.ts'
import { PAGE_ENTRIES, type Outbox } from './outbox.ts'
import type { KeptVersion, ProfileState } from './profile-state.ts'
import type { Receipt } from './receipt.ts'

/** How many profiles have deliveries under way at a time, where nobody says otherwise. */
export const MAX_DELIVERIES = 64

/** How many names wait in memory for a slot; those over it are found in the outbox. */
const MAX_QUEUED = 256

export interface DeliveriesParts {
  outbox: Outbox
  state: ProfileState
  carries(id: ProfileId): boolean
  closing: AbortSignal
  background(work: Promise<unknown>): void
  /** Profiles at a time. */
  max: number
}

export interface DeliverOptions {
  /** Whether the caller waits for what comes of it: he keeps his place and his version in memory. */
  isAwaited: boolean
  /** Aborts the wait for a place, never a delivery that has begun. */
  signal: AbortSignal | undefined
  /** The owner, where he is at hand. */
  signer?: MessageSigner | undefined
  onReceipt(receipt: Receipt): void
}

/**
 * Sends versions to where they are owed, of at most so many profiles at a time.
 *
 * What is over that stays owed in the outbox. Its names are queued in memory, first in, first out; where even those are too many the outbox is gone through, page by page, once the queue is empty.
 * So memory is bounded however fast versions come and however slow routers are, and nothing is asked for again and again.
 */
export class Deliveries {
  private readonly parts: DeliveriesParts
  private running = 0
  private readonly jobs = new Map<ProfileId, Set<Job>>()
  /** Callers who wait for a slot. */
  private readonly callers = new Set<() => void>()
  private readonly queue: ProfileId[] = []
  private readonly queued = new Set<ProfileId>()
  /** Names that were owed did not fit the queue. */
  private overflowed = false
  /** How far the outbox was gone through; `undefined` when it need not be. */
  private round: { after: ProfileId | undefined } | undefined
  private reading = false
  private callersTurn = true

  constructor (parts: DeliveriesParts) {
    this.parts = parts
  }

  /** Delivers `version` to `targets`, at once where a slot is free. Where none is and nobody waits, it resolves: the outbox remembers. */
  async deliver (version: KeptVersion, targets: readonly string[], { isAwaited, signal, signer, onReceipt }: DeliverOptions): Promise<void> {
    const { id } = version.record
    if (!isAwaited && this.running >= this.parts.max) return this.enqueue(id)
    await this.slot(id, signal)
    await this.run(id, (until) => this.parts.outbox.deliver(version, targets, { signal: until, signer, onReceipt }))
  }

  /** Tries what is owed of `id` once, when a slot is free; resolves when that is done, by whomever. */
  async retry (id: ProfileId): Promise<void> {
    this.dequeue(id)
    const underWay = [...(this.jobs.get(id) ?? [])]
    if (underWay.length > 0) return ended(underWay)
    await this.slot(id, undefined)
    await this.run(id, (until) => this.deliverOwed(id, until))
  }

  /** Ends the deliveries of `id`, and resolves when they have ended. */
  async cancel (id: ProfileId): Promise<void> {
    this.dequeue(id)
    const underWay = [...(this.jobs.get(id) ?? [])]
    for (const { stop } of underWay) stop.abort(new DOMException('the profile is forgotten', 'AbortError'))
    await ended(underWay)
  }

  /** In a slot that the caller has, and gives back. */
  private async run (id: ProfileId, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const stop = new AbortController()
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const job = { stop, done }
    const jobs = this.jobs.get(id) ?? new Set<Job>()
    this.jobs.set(id, jobs.add(job))
    try {
      await work(AbortSignal.any([stop.signal, this.parts.closing]))
    } finally {
      jobs.delete(job)
      if (jobs.size === 0) this.jobs.delete(id)
      resolve()
      this.release()
    }
  }

  private async runQueued (id: ProfileId): Promise<void> {
    const before = [...(this.jobs.get(id) ?? [])]
    await this.run(id, async (until) => {
      // Of an older version, perhaps; what they have not brought is owed still.
      await ended(before)
      await this.deliverOwed(id, until)
    })
  }

  private async deliverOwed (id: ProfileId, signal: AbortSignal): Promise<void> {
    const { outbox, state } = this.parts
    const [targets, version] = await Promise.all([outbox.targetsOf(id, { signal }), state.version(id, { signal }).catch(passOverMercuryErrors)])
    if (targets && version) await outbox.deliver(version, targets, { signal })
  }

  /** Takes a slot, or waits for one. @throws the reason of `signal`; the version is then one that nobody waits for */
  private async slot (id: ProfileId, signal: AbortSignal | undefined): Promise<void> {
    const { closing, max } = this.parts
    if (this.running < max) {
      this.running++
      return
    }
    const turn = Promise.withResolvers<void>()
    this.callers.add(turn.resolve)
    try {
      await untilAborted(turn.promise, signal ? AbortSignal.any([signal, closing]) : closing)
    } catch (error) {
      // It may have been given at this moment.
      if (!this.callers.delete(turn.resolve)) this.release()
      if (!closing.aborted) this.enqueue(id)
      throw error
    }
  }

  private release (): void {
    this.running--
    this.next()
  }

  private enqueue (id: ProfileId): void {
    if (this.queued.has(id)) return
    if (this.queue.length >= MAX_QUEUED) {
      this.overflowed = true
      return
    }
    this.queued.add(id)
    this.queue.push(id)
  }

  private dequeue (id: ProfileId): void {
    if (this.queued.delete(id)) this.queue.splice(this.queue.indexOf(id), 1)
  }

  /** Fills the slots that are free: from those who wait and those who do not in turn. */
  private next (): void {
    const { closing, max, background } = this.parts
    if (closing.aborted) return
    while (this.running < max && this.callers.size + this.queue.length > 0) {
      this.callersTurn = this.queue.length === 0 || (this.callers.size > 0 && !this.callersTurn)
      this.running++
      if (this.callersTurn) this.callNext()
      else background(this.runQueued(this.shift()))
    }
    if (this.running < max) this.readOn()
  }

  private callNext (): void {
    const call = this.callers.values().next().value!
    this.callers.delete(call)
    call()
  }

  private shift (): ProfileId {
    const id = this.queue.shift()!
    this.queued.delete(id)
    return id
  }

  /** Takes up the next page of the outbox, if names were left out of the queue. */
  private readOn (): void {
    if (this.reading || (!this.round && !this.overflowed)) return
    if (!this.round) {
      this.round = { after: undefined }
      this.overflowed = false
    }
    this.reading = true
    this.parts.background(this.readPage(this.round).finally(() => {
      this.reading = false
      this.next()
    }))
  }

  private async readPage (round: { after: ProfileId | undefined }): Promise<void> {
    const { outbox, carries, closing } = this.parts
    try {
      const page = await outbox.page({ after: round.after, signal: closing })
      for (const id of page) if (carries(id)) this.enqueue(id)
      round.after = page.at(-1)
      if (page.length < PAGE_ENTRIES) this.round = undefined
    } catch (error) {
      // A state that fails is told to who writes next; the next flush goes through the outbox again.
      this.round = undefined
      this.overflowed = false
      throw error
    }
  }
}

interface Job {
  readonly stop: AbortController
  /** Never rejects. */
  readonly done: Promise<void>
}

const ended = async (jobs: readonly Job[]): Promise<void> => {
  await Promise.all(jobs.map(({ done }) => done))
}

/** Of one profile among many: what is wrong with it is told to who resolves it, and holds up no other. */
const passOverMercuryErrors = (error: unknown): undefined => {
  if (!(error instanceof MercuryError)) throw error
}
