import type { Helia } from '@helia/interface'
import type { CID } from 'multiformats/cid'
import { MINUTE_MS } from '../../limits.ts'

const CONCURRENCY = 4
const ATTEMPT_MS = MINUTE_MS
const PAUSE_MS = MINUTE_MS
const MAX_WAITING = 100_000

/** Tells the DHT, in the background, which blocks this node has. */
export interface Announcer {
  /** Queues `cid`; one that waits already is not queued twice. */
  announce(cid: CID): void
  /** Gives up what waits and resolves when nothing runs any more. */
  close(): Promise<void>
}

/**
 * A walk of the public DHT takes seconds, so no `put` waits for it: 4 at a time, at most 100,000 waiting; beyond, a block stays unannounced until it is put or pinned again.
 * A failure mostly means that there are no peers: the block goes to the end of the queue, which then rests for a minute.
 * What was announced once, kad-dht announces again before it runs out.
 */
export const createAnnouncer = (helia: Helia): Announcer => {
  const waiting = new Map<string, CID>()
  const running = new Set<Promise<void>>()
  const closing = new AbortController()
  let resting: NodeJS.Timeout | undefined

  const run = async (cid: CID): Promise<void> => {
    try {
      await helia.routing.provide(cid, { signal: AbortSignal.any([closing.signal, AbortSignal.timeout(ATTEMPT_MS)]) })
    } catch {
      // Whatever it was, the remedy is to try again later.
      waiting.set(cid.toString(), cid)
      rest()
    }
  }

  const rest = (): void => {
    if (resting || closing.signal.aborted) return
    resting = setTimeout(() => {
      resting = undefined
      fill()
    }, PAUSE_MS)
    resting.unref()
  }

  const fill = (): void => {
    for (const [name, cid] of waiting) {
      if (running.size >= CONCURRENCY || resting || closing.signal.aborted) return
      waiting.delete(name)
      const attempt = run(cid).finally(() => {
        running.delete(attempt)
        fill()
      })
      running.add(attempt)
    }
  }

  return {
    announce (cid) {
      if (waiting.size >= MAX_WAITING) return
      waiting.set(cid.toString(), cid)
      fill()
    },
    async close () {
      closing.abort()
      clearTimeout(resting)
      waiting.clear()
      await Promise.all(running)
    }
  }
}
