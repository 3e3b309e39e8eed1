import type { ProfileId } from '../identity/profile-id.ts'
import { MAX_CANDIDATES } from '../limits.ts'
import { untilAborted } from '../until-aborted.ts'
import type { NameRouter } from './name-router.ts'

/** One thing that happened in a race: a router gave a candidate, or it is done. */
export type RaceEvent =
  | { router: string; type: 'candidate'; bytes: Uint8Array }
  | { router: string; type: 'end'; ms: number }
  | { router: string; type: 'failed'; ms: number; reason: unknown }
  | { router: string; type: 'timeout'; ms: number }

/**
 * Asks all routers at once and yields what they say, as it comes. Ends when every router is done.
 *
 * No router is trusted to end, to obey an abort or to throw an `Error`: each is cut off at `timeoutMs` and after 64 candidates.
 * Returning early cancels all of them.
 */
export async function * raceRouters (id: ProfileId, routers: readonly NameRouter[], { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal }): AsyncGenerator<RaceEvent> {
  const cancel = new AbortController()
  const events: RaceEvent[] = []
  let wake = (): void => {}
  const emit = (event: RaceEvent): void => {
    events.push(event)
    wake()
  }
  const onAbort = (): void => wake()
  signal?.addEventListener('abort', onAbort)
  let running = routers.length
  for (const router of routers) void askOne(id, router, { timeoutMs, signal: cancel.signal, emit }).finally(() => { running-- ; wake() })
  try {
    while (true) {
      signal?.throwIfAborted()
      const event = events.shift()
      if (event) yield event
      else if (running === 0) return
      else await new Promise<void>((resolve) => { wake = resolve })
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    cancel.abort(new DOMException('the look-up has its answer', 'AbortError'))
  }
}

/** Never rejects: whatever a router does becomes an event. */
const askOne = async (id: ProfileId, router: NameRouter, { timeoutMs, signal, emit }: { timeoutMs: number; signal: AbortSignal; emit: (event: RaceEvent) => void }): Promise<void> => {
  const started = performance.now()
  const elapsed = (): number => performance.now() - started
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(new DOMException('the router took too long', 'TimeoutError')), timeoutMs)
  const until = AbortSignal.any([signal, timeout.signal])
  let iterator: AsyncIterator<Uint8Array> | undefined
  try {
    iterator = router.get(id, { signal: until })[Symbol.asyncIterator]()
    for (let given = 0; given < MAX_CANDIDATES; given++) {
      const next = await untilAborted(iterator.next(), until)
      if (next.done) break
      emit({ router: router.name, type: 'candidate', bytes: next.value })
    }
    emit({ router: router.name, type: 'end', ms: elapsed() })
  } catch (reason) {
    if (timeout.signal.aborted) emit({ router: router.name, type: 'timeout', ms: elapsed() })
    else if (!signal.aborted) emit({ router: router.name, type: 'failed', ms: elapsed(), reason })
  } finally {
    clearTimeout(timer)
    leave(iterator)
  }
}

/** Tells a router that nobody listens any more; it owes no answer, and its errors come too late to matter. */
const leave = (iterator: AsyncIterator<Uint8Array> | undefined): void => {
  Promise.resolve()
    .then(() => iterator?.return?.())
    .catch(() => {})
}
