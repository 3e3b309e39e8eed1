import { createPledge, createProfiles, createSigner, createLocalRouter, createMemoryStore, createHashStore, type KeyValueStore, type NameRouter, type Profiles, type ProfilesOptions, type Signer } from '../../src/index.ts'

/** 2026-11-24 12:00 UTC, so that nothing a test does depends on the machine's clock. */
export const NOON = Date.UTC(2026, 10, 24, 12)

/** A signer whose key is `seed` 32 times, pledged to the key of `seed + 100`. */
export const signerOf = async (seed: number): Promise<Signer> => {
  const key = new Uint8Array(32).fill(seed)
  const next = await createSigner(new Uint8Array(32).fill(seed + 100))
  return createSigner(key, { pledge: await createPledge(await createSigner(key), next.publicKey) })
}

export interface Device {
  profiles: Profiles
  state: KeyValueStore
  /** Advances the device's clock. */
  sleep(ms: number): void
}

/** A device with its own state; what it shares with others is given. */
export const openDevice = (options: Partial<ProfilesOptions> = {}): Device => {
  let now = NOON
  const state = options.state ?? createMemoryStore()
  const profiles = createProfiles({ blocks: createHashStore(createMemoryStore()), routers: [], volatile: true, clock: () => now, routerTimeoutMs: 2_000, blockTimeoutMs: 2_000, deliveryTimeoutMs: 2_000, ...options, state })
  return { profiles, state, sleep: (ms) => { now += ms } }
}

/** Two routers and a block store that devices share. */
export const openWorld = (): { routers: NameRouter[]; blocks: ReturnType<typeof createHashStore> } => ({
  routers: ['north', 'south'].map((name) => createLocalRouter(createMemoryStore(), { name })),
  blocks: createHashStore(createMemoryStore())
})

/** A router that answers as `get` says; `put` fails unless given. For faults that a real router does not show on demand. */
export const routerOf = (name: string, get: NameRouter['get'], put: NameRouter['put'] = async () => { throw new Error('down') }): NameRouter => ({ name, get, put, close: async () => {} })
