import { keepKey } from '../../src/client/schedule.ts'
import type { ProfileId } from '../../src/identity/profile-id.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import type { Hosting } from '../../src/home/hosting.ts'

const MAX_PROFILES = 100_000
const MAX_KNOWN = 16_384

export interface KeptHostingOptions {
  /** That of the profiles that are served. */
  state: KeyValueStore
  /** Further profiles than these are not taken. @default 100,000 */
  maxProfiles?: number
}

/** Hosting without agreements: anybody's records are taken, what this program keeps is handed out, and nobody is banned. */
export const createKeptHosting = ({ state, maxProfiles = MAX_PROFILES }: KeptHostingOptions): Hosting => {
  let counted: Promise<number> | undefined
  /** What is let go again has no record to hand out, so to have kept it once is enough. */
  const known = new Set<ProfileId>()

  const countAll = async (): Promise<number> => {
    let count = 0
    for await (const _ of state.entries({ prefix: 'keep/' })) count++
    return count
  }
  const count = async (): Promise<number> => (counted ??= countAll())

  return {
    async standing (id, options) {
      if (known.has(id)) return 'kept'
      if (await state.get(keepKey(id), options)) {
        if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value!)
        known.add(id)
        return 'kept'
      }
      return (await count()) < maxProfiles ? 'offered' : 'none'
    },
    async taken () {
      // Counted anew when it matters: two of one profile at once must not count twice.
      counted = undefined
    },
    async succession () {
      return undefined
    },
    count
  }
}
