import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { openLevelStore } from '../../src/adapters/level.ts'
import { createProfiles, type Profiles } from '../../src/client/profiles.ts'
import type { PublishOptions } from '../../src/client/publish.ts'
import type { Signer } from '../../src/identity/signer.ts'
import { createValidRecord } from '../../src/naming/record.ts'
import { signDocument } from '../../src/profile/document.ts'
import { createGroupCommit } from '../../src/store/group-commit.ts'
import { createHashStore, type HashStore } from '../../src/store/hash-store.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { NotSupportedError } from '../../src/store/not-supported.ts'
import { createPrefixStore } from '../../src/store/prefix-store.ts'
import { createDraft, createSigners, seededRandom } from '../profiles.ts'
import { format, median, type Report } from '../report.ts'
import { recordWrites } from './recorder.ts'

const PROFILES = 1_024
const AT_A_TIME = 64
const ROUNDS = 5
/** Takes nothing, so that nothing is delivered anywhere. */
const NO_BLOCKS: HashStore = {
  space: 'none',
  supports: { put: false, pin: false, persistence: false, network: false },
  put: async () => { throw new NotSupportedError('put') },
  get: async () => undefined,
  pin: async () => { throw new NotSupportedError('pins') },
  unpin: async () => { throw new NotSupportedError('pins') },
  close: async () => {}
}

export const run = async (): Promise<Report> => {
  const random = seededRandom(2)
  const signers = await createSigners(PROFILES, random)
  // Optimised code.
  await measure(signers.slice(0, 256), random)
  const rounds: Round[] = []
  for (let i = 0; i < ROUNDS; i++) rounds.push(await measure(signers, random))
  return report(rounds, await writesOfOne(signers[0]!, random))
}

type Round = Awaited<ReturnType<typeof measure>>

/** All in turn, on one disk: the facade, and what the same entries take without it. Microseconds a profile. */
const measure = async (signers: readonly Signer[], random: () => number) => {
  const drafts = signers.map(() => createDraft(random))
  const timedEach = async (work: () => Promise<void>): Promise<number> => {
    const started = performance.now()
    await work()
    return ((performance.now() - started) * 1_000) / signers.length
  }

  const publishAll = (profiles: Profiles, options: PublishOptions): Promise<number> => timedEach(() => inParallel(signers.length, async (i) => {
    await profiles.publish(drafts[i]!, signers[i]!, options)
  }))

  const local = await withStore(async (store) => {
    const { store: recorded, batches } = recordWrites(store)
    const profiles = createProfiles({ blocks: NO_BLOCKS, routers: [], state: recorded })
    const published = await publishAll(profiles, { wait: 'local', first: true })
    const writes = batches.length
    const entries = batches.flat().filter((operation) => operation.type === 'put')
    const updated = await publishAll(profiles, { wait: 'local' })
    await check(profiles, signers, drafts)
    await profiles.close()
    return { published, updated, writes, entries }
  })
  const delivered = await withStore(async (store) => {
    const profiles = openProfiles(store)
    const seconds = await publishAll(profiles, { wait: 'all', first: true })
    await profiles.close()
    return seconds
  })

  const entriesByProfile = Map.groupBy(local.entries, ({ key }) => signers.findIndex(({ id }) => key.endsWith(id)))
  const profiles = [...entriesByProfile.values()]
  return {
    ...local,
    delivered,
    profiles,
    putEach: await withLevel((db) => timedEach(async () => {
      for (const { key, value } of profiles.flat()) await db.put(key, value, { sync: true })
    })),
    putOne: await withLevel((db) => timedEach(async () => {
      for (const entries of profiles) await db.put(entries[0]!.key, Buffer.concat(entries.map(({ value }) => value)), { sync: true })
    })),
    grouped: await withStore(async (store) => {
      const group = createGroupCommit(store)
      return timedEach(() => inParallel(profiles.length, (i) => group.batch(profiles[i]!)))
    }),
    signed: await timedEach(async () => {
      for (const [i, signer] of signers.entries()) await createValidRecord(await signDocument(drafts[i]!, signer, { seq: 1_790_000_000, prev: null, time: 1_790_000_000 }), signer)
    })
  }
}

/** Synced writes of a publish that is alone: until it is acknowledged, and with its delivery to the block store. */
const writesOfOne = async (signer: Signer, random: () => number): Promise<{ acknowledged: number; delivered: number }> => withStore(async (store) => {
  const { store: recorded, batches } = recordWrites(store)
  const profiles = openProfiles(recorded)
  let acknowledged = 0
  await profiles.publish(createDraft(random), signer, { wait: 'all', first: true, onProgress: ({ type }) => { if (type === 'saved') acknowledged = batches.length } })
  await profiles.close()
  return { acknowledged, delivered: batches.length }
})

const report = (rounds: readonly Round[], alone: { acknowledged: number; delivered: number }): Report => {
  const of = (value: (round: Round) => number): number => median(rounds.map(value))
  const { profiles } = rounds[0]!
  const bytes = profiles.flat().reduce((sum, { key, value }) => sum + key.length + value.byteLength, 0)
  return {
    question: `How much faster are ${AT_A_TIME} durable publishes at a time than writing what they write, one synced put after the other?`,
    figures: [
      { what: 'publishes / profiles written by a synced put for each entry', value: of(({ putEach, published }) => putEach / published), unit: 'x', goal: '>= 6' },
      { what: 'publishes / profiles written by one synced put each', value: of(({ putOne, published }) => putOne / published), unit: 'x' },
      { what: 'the store alone, grouped / a synced put for each entry', value: of(({ putEach, grouped }) => putEach / grouped), unit: 'x' },
      { what: 'the store alone, grouped / one synced put each', value: of(({ putOne, grouped }) => putOne / grouped), unit: 'x' },
      { what: 'synced writes of a publish alone, until acknowledged', value: alone.acknowledged, unit: '', goal: '1' },
      { what: 'the same, with its delivery to the block store', value: alone.delivered, unit: '' },
      { what: `synced writes of ${PROFILES} publishes, ${AT_A_TIME} at a time, until acknowledged`, value: of(({ writes }) => writes), unit: '' },
      { what: 'entries a publish', value: profiles.flat().length / profiles.length, unit: '' },
      { what: 'bytes a publish', value: Math.round(bytes / profiles.length), unit: 'bytes' },
      { what: 'a publish, first of its profile', value: of(({ published }) => published), unit: 'us' },
      { what: 'the same, answered when a block store has it too', value: of(({ delivered }) => delivered), unit: 'us' },
      { what: 'a publish over an earlier version', value: of(({ updated }) => updated), unit: 'us' },
      { what: 'of each, signing and verifying document and record', value: of(({ signed }) => signed), unit: 'us' },
      { what: 'the store alone, grouped', value: of(({ grouped }) => grouped), unit: 'us' },
      { what: 'a synced put for each entry', value: of(({ putEach }) => putEach), unit: 'us' },
      { what: 'one synced put', value: of(({ putOne }) => putOne), unit: 'us' }
    ],
    notes: [`medians of ${ROUNDS} rounds of ${PROFILES} profiles, in ${tmpdir()}`]
  }
}

/** Blocks and state in one database behind one group commit, as a home has them. */
const openProfiles = (store: KeyValueStore): Profiles => {
  const group = createGroupCommit(store)
  return createProfiles({ blocks: createHashStore(createPrefixStore(group, 'blocks/')), routers: [], state: createPrefixStore(group, 'state/') })
}

/** Outside the timed region: every profile is there as it was drafted, over an earlier version. */
const check = async (profiles: Profiles, signers: readonly Signer[], drafts: readonly { bio?: unknown }[]): Promise<void> => {
  for (const [i, { id }] of signers.entries()) {
    const { profile, document } = await profiles.resolve(id, { policy: 'offline' })
    if (profile.bio !== drafts[i]!.bio || document.prev === null) throw new Error(`${id} is not as it was published`)
  }
}

const inParallel = async (count: number, work: (i: number) => Promise<void>): Promise<void> => {
  let next = 0
  await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
    while (next < count) await work(next++)
  }))
}

const withDirectory = async <T>(use: (directory: string) => Promise<T>): Promise<T> => {
  const directory = mkdtempSync(join(tmpdir(), 'mercury-bench-publish-'))
  try {
    return await use(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const withStore = async <T>(use: (store: KeyValueStore) => Promise<T>): Promise<T> => withDirectory(async (location) => {
  const store = await openLevelStore({ location })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
})

/** LevelDB as any program opens it. */
const withLevel = async <T>(use: (db: ClassicLevel<string, Uint8Array>) => Promise<T>): Promise<T> => withDirectory(async (location) => {
  const db = new ClassicLevel<string, Uint8Array>(location, { keyEncoding: 'utf8', valueEncoding: 'view' })
  await db.open()
  try {
    return await use(db)
  } finally {
    await db.close()
  }
})

if (import.meta.main) console.log(format(await run()))
