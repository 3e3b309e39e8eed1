import { createHashStore, createLocalRouter, createPrefixStore, createProfiles, type Profiles } from '../../src/index.ts'
import { openPostgresStore } from '../../src/adapters/postgres.ts'
import { signerOf } from '../client/world.ts'

/** How many versions each process makes. */
export const EDITS = 8

/** Counts its versions in the profile itself: a version that was lost would be missing in the sum. */
export const COUNT = 'org.example.test/count'

/** A client over one database: state, blocks, pins and names. */
export const openClient = async (url: string): Promise<{ profiles: Profiles; close(): Promise<void> }> => {
  const store = await openPostgresStore({ url, maxConnections: 4 })
  const profiles = createProfiles({
    state: createPrefixStore(store, 'state/'),
    blocks: createHashStore(createPrefixStore(store, 'blocks/')),
    routers: [createLocalRouter(createPrefixStore(store, 'names/'))]
  })
  return {
    profiles,
    async close () {
      await profiles.close()
      await store.close()
    }
  }
}

/** Run as a program, it makes the versions, beside others that do the same, and prints the sequence and CID of each that was acknowledged. */
const run = async (url: string): Promise<void> => {
  const { profiles, close } = await openClient(url)
  const alice = await signerOf(1)
  for (let done = 0; done < EDITS;) {
    try {
      const { sequence, cid } = await profiles.edit(alice, (draft) => ({ ...draft, [COUNT]: Number(draft[COUNT] ?? 0) + 1 }), { wait: 'all' })
      console.log(`${sequence} ${cid.toString()}`)
      done++
    } catch (error) {
      // Others were faster each time; nothing was made.
      if ((error as { code?: string }).code !== 'CONFLICT') throw error
    }
  }
  await close()
}

if (import.meta.main) await run(process.argv[2]!)
