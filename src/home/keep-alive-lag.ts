import { SECOND_MS } from '../limits.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'

const DUE = /^due\/(\d{15})\//

/** How long the name that waits longest to be passed on has been due, in seconds; 0 when none is. @param now milliseconds since 1970 */
export const keepAliveLag = async (state: KeyValueStore, now: number): Promise<number> => {
  for await (const [key] of state.entries({ prefix: 'due/', limit: 1 })) return Math.max(0, (now - Number(DUE.exec(key)?.[1] ?? now)) / SECOND_MS)
  return 0
}
