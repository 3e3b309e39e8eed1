import { createHashStore, createMemoryStore, createProfiles, type HashStore, type KeyValueStore, type Profiles, type Signer } from '../../../src/index.ts'
import { createHostingBooks, type HostingBooks } from '../../../src/home/hosting-books.ts'
import { readSettings, type HomeSettings } from '../../../src/home/settings.ts'
import { NOON, signerOf } from '../../client/world.ts'

export interface OpenBooks extends HostingBooks {
  readonly home: Signer
  readonly profiles: Profiles
  readonly state: KeyValueStore
  readonly blocks: HashStore
  sleep(ms: number): void
  now(): number
}

/** The books of one process; several over one `state` are several processes. */
export const openBooks = async ({ state = createMemoryStore(), blocks = createHashStore(createMemoryStore()), at = NOON, home, ...settings }: Partial<HomeSettings> & { state?: KeyValueStore; blocks?: HashStore; at?: number; home?: Signer } = {}): Promise<OpenBooks> => {
  let now = at
  const clock = (): number => now
  const signer = home ?? await signerOf(1)
  const profiles = createProfiles({ blocks, routers: [], state, clock, volatile: true })
  const books = createHostingBooks({ home: signer, state, blocks, profiles, settings: readSettings({ policy: 'open', ...settings }), clock })
  return { ...books, home: signer, profiles, state, blocks, now: clock, sleep: (ms) => { now += ms } }
}

/** Every key below `home/` but the marks for the index, without the prefix. */
export const keysOf = async (state: KeyValueStore): Promise<string[]> => (await Array.fromAsync(state.entries({ prefix: 'home/' }), ([key]) => key.slice('home/'.length))).filter((key) => !key.startsWith('unindexed/'))
