import type { ProfileId } from '../identity/profile-id.ts'
import type { Operation } from '../store/key-value-store.ts'
import type { ClientParts } from './parts.ts'
import { onBooks } from './pin-books.ts'
import { CONFLICT_TRIES, retryOnConflict } from './profile-state.ts'

/**
 * Lets go of a profile: when it is relayed, what is owed, its record, its document, and whatever is pinned for it, in one batch. Its floor stays, so that it never comes back older than it was.
 * What a crash after the batch leaves pinned is released in the books, and unpinned by whoever unpins next.
 */
export const forget = (id: ProfileId, { signal }: { signal: AbortSignal }, parts: ClientParts): Promise<void> =>
  parts.exclusively(id, async () => {
    const { deliveries, outbox, pins, schedule, state, store } = parts
    await deliveries.cancel(id)
    const write = async (books: readonly Operation[]): Promise<void> => {
      const [head, turn] = await Promise.all([state.forget(id, { signal }), schedule.forget(id, { signal })])
      await store.batch([...head, ...turn, outbox.waive(id), ...onBooks(books)], { signal })
    }
    if (pins) await pins.unpin(id, { write, signal })
    else await retryOnConflict(CONFLICT_TRIES, () => write([]))
  })
