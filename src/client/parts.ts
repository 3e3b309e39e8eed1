import type { ProfileId } from '../identity/profile-id.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import type { PinSet } from '../store/pins.ts'
import type { Attachments } from './attachments.ts'
import type { Deliveries } from './deliveries.ts'
import type { LookupParts } from './look-up.ts'
import type { Outbox } from './outbox.ts'
import type { Schedule } from './schedule.ts'

/** What the journeys of one client work with. */
export interface ClientParts extends LookupParts {
  store: KeyValueStore
  /** Absent where the block store cannot pin. */
  pins: PinSet | undefined
  attachments: Attachments
  outbox: Outbox
  deliveries: Deliveries
  schedule: Schedule
  /** Whether what is owed and due of `id` goes out through these routers. */
  carries(id: ProfileId): boolean
  /** Aborted by `close()`. */
  closing: AbortSignal
  /** Keeps track of work that goes on after its call has answered, so that `close()` can wait for it. */
  background(work: Promise<unknown>): void
  /** Runs the writes of one profile one after another. */
  exclusively<T>(id: ProfileId, work: () => Promise<T>): Promise<T>
  /** Calls `listener` after each change of a head, until the signal aborts. */
  onChange(listener: (id: ProfileId) => void, signal: AbortSignal): void
}
