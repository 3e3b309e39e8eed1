import { createHashStore, createMemoryStore, createTieredStore, signDocument, createRecord, type HashStore, type ProfileDraft, type Signer } from '../../src/index.ts'
import { DAG_CBOR, cidOf, putBlock } from '../../src/store/block.ts'
import { createDraft, createSigners, randomBytes, seededRandom } from '../profiles.ts'
import { format, median, type Figure, type Report } from '../report.ts'
import { travel, type Cast, type JourneyTimes, type Subject } from './journey.ts'
import { AT_A_TIME, timed } from './parallel.ts'
import { DELAY_MS, openContenders, type Contender, type Item } from './subjects.ts'

const PROFILES = 1_000
const ROUNDS = 3
/** More than fits a record: it takes a block to read it. */
const LARGE = 10_500
const SECONDS = 1_790_000_000
/** What a publish leaves in a state, by `bench/publish`. */
const STATE_BYTES = 1_308
/** Of `BENCH_STORES`, for work on one of them: `s3,kubo/router`. */
const only = (process.env.BENCH_STORES ?? '').split(',').filter((name) => name !== '')

export const run = async (): Promise<Report> => {
  const random = seededRandom(4)
  const [signers, bareSigners] = [await createSigners(PROFILES, random), await createSigners(PROFILES, random)]
  const small = signers.map(() => createDraft(random))
  const large = small.map((draft): ProfileDraft => ({ ...draft, 'org.example.bench/filler': Buffer.from(randomBytes(LARGE * 3 / 4, random)).toString('base64') }))
  const { contenders, close } = await openContenders([...signers, ...bareSigners])
  try {
    const results: Result[] = []
    for (const contender of contenders.filter(({ name, role }) => only.length === 0 || only.includes(name) || only.includes(`${name}/${role}`))) {
      process.stderr.write(`${contender.name} as ${contender.role} …\n`)
      const count = contender.count ?? PROFILES
      const cast = { signers: signers.slice(0, count), drafts: (contender.role === 'blocks' ? large : small).slice(0, count) }
      results.push({ contender, ...await measure(contender, cast, bareSigners) })
    }
    return report(results, await tiers(contenders, random))
  } finally {
    await close()
  }
}

interface Measured {
  readonly ours: JourneyTimes
  readonly bare: { readonly put: number; readonly get: number }
  /** The adapter without the client: nothing is signed, verified or remembered. */
  readonly adapter: { readonly put: number; readonly get: number }
  /** A profile, where they can be counted. */
  readonly requests?: { readonly publish: number; readonly cold: number }
}
type Result = Measured & { readonly contender: Contender }

/** @param bareSigners whose names the bare client puts: a router takes no older record than it has */
const measure = async (contender: Contender, cast: Cast, bareSigners: readonly Signer[]): Promise<Measured> => {
  const items = await Promise.all(cast.drafts.map((draft, i) => itemOf(contender.role, bareSigners[i]!, draft)))
  const rounds: Measured[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const { subject, bare, requests, close } = await contender.open()
    try {
      // Connections and optimised code for both.
      await timed(AT_A_TIME, async (i) => { await bare.put(items[i]!.item, items[i]!.bytes); await bare.get(items[i]!.item) })
      const before = requests?.() ?? 0
      const ours = await travel(subject, cast)
      const asked = (requests?.() ?? 0) - before
      const calls = callsOf(subject)
      const [put, get] = [await timed(items.length, (i) => bare.put(items[i]!.item, items[i]!.bytes)), await timed(items.length, (i) => bare.get(items[i]!.item))]
      const adapter = { put: await timed(items.length, (i) => calls.put(items[i]!.item, items[i]!.bytes)), get: await timed(items.length, (i) => calls.get(items[i]!.item)) }
      rounds.push({ ours, adapter, bare: { put, get }, ...(requests ? { requests: { publish: asked / items.length, cold: 0 } } : {}) })
    } finally {
      await close()
    }
  }
  const of = (value: (measured: Measured) => number): number => median(rounds.map(value))
  return {
    ours: { publish: of(({ ours }) => ours.publish), cold: of(({ ours }) => ours.cold), warm: of(({ ours }) => ours.warm) },
    bare: { put: of(({ bare }) => bare.put), get: of(({ bare }) => bare.get) },
    adapter: { put: of(({ adapter }) => adapter.put), get: of(({ adapter }) => adapter.get) },
    ...(rounds[0]!.requests ? { requests: rounds[0]!.requests } : {})
  }
}

const callsOf = (subject: Subject): { put(item: Item, bytes: Uint8Array): Promise<void>; get(item: Item): Promise<unknown> } => {
  if (subject.role === 'state') return { put: ({ key }, bytes) => subject.adapter.put(`alone/${key}`, bytes), get: ({ key }) => subject.adapter.get(`alone/${key}`) }
  if (subject.role === 'router') return { put: ({ signer }, bytes) => subject.adapter.put(signer.id, bytes), get: ({ signer }) => Array.fromAsync(subject.adapter.get(signer.id)) }
  const { adapter, through = adapter } = subject
  return { put: ({ cid }, bytes) => through.put(cid, bytes, { pin: through.supports.pin }), get: ({ cid }) => adapter.get(cid) }
}

const itemOf = async (role: Contender['role'], signer: Cast['signers'][number], draft: ProfileDraft): Promise<{ item: Item; bytes: Uint8Array }> => {
  const signed = await signDocument(draft, signer, { seq: SECONDS, prev: null, time: SECONDS })
  const bytes = role === 'blocks' ? signed.bytes : role === 'router' ? await createRecord(signed, signer) : new Uint8Array(STATE_BYTES).fill(7)
  return { item: { key: signer.id, cid: role === 'blocks' ? signed.cid : await cidOf(bytes, DAG_CBOR), signer }, bytes }
}

interface Tiers {
  readonly cold: number
  readonly warm: number
  readonly reads: { readonly cold: number; readonly warm: number; readonly s3: number }
}

/** Memory before S3, read cold and warm; every hit reads its block once. @throws when one reads more */
const tiers = async (contenders: readonly Contender[], random: () => number): Promise<Tiers> => {
  const { subject, close } = await contenders.find(({ name }) => name === 's3')!.open()
  try {
    const s3 = counted(subject.adapter as HashStore)
    const cids = await Promise.all(Array.from({ length: PROFILES }, () => putBlock(s3, randomBytes(1_000, random), DAG_CBOR)))
    const memory = counted(createHashStore(createMemoryStore()))
    const tiered = createTieredStore([memory, s3])
    const read = (): Promise<number> => timed(cids.length, (i) => tiered.get(cids[i]!))
    const cold = await read()
    const coldReads = memory.reads() + s3.reads()
    const warm = await read()
    const reads = { cold: s3.reads() / cids.length, warm: (memory.reads() + s3.reads() - coldReads) / cids.length, s3: s3.reads() }
    if (reads.cold !== 1 || reads.warm !== 1 || reads.s3 !== cids.length) throw new Error(`a hit read its block ${reads.cold} and ${reads.warm} times`)
    return { cold, warm, reads }
  } finally {
    await close()
  }
}

const counted = (store: HashStore): HashStore & { reads(): number } => {
  let reads = 0
  return { ...store, reads: () => reads, get: (...args) => { reads++; return store.get(...args) } }
}

const report = (results: readonly Result[], { cold, warm, reads }: Tiers): Report => ({
  question: `What do ${PROFILES} profiles cost over each store, ${AT_A_TIME} at a time, beside the store's own client?`,
  figures: [
    ...results.flatMap(({ contender: { name, role, isRemote }, ours, bare, adapter }): Figure[] => {
      const [what, goal, writes] = [`${name} as ${role}`, isRemote ? { goal: '<= 1.3' } : {}, name !== 'gateway']
      return [
        ...(writes ? [{ what: `${what}: publish / bare put`, value: ours.publish / bare.put, unit: 'x', ...goal }] : []),
        { what: `${what}: resolve cold / bare get`, value: ours.cold / bare.get, unit: 'x', ...goal },
        { what: `${what}: resolve warm / bare get`, value: ours.warm / bare.get, unit: 'x' },
        ...(writes ? [{ what: `${what}: the adapter alone, put / bare put`, value: adapter.put / bare.put, unit: 'x' }] : []),
        { what: `${what}: the adapter alone, get / bare get`, value: adapter.get / bare.get, unit: 'x' }
      ]
    }),
    { what: 'tiers, memory over s3: cold reads / warm reads', value: cold / warm, unit: 'x', goal: '>= 100' },
    { what: 'tiers: blocks read for a cold hit, from the slow tier', value: reads.cold, unit: '', goal: '1' },
    { what: 'tiers: blocks read for a warm hit, from both', value: reads.warm, unit: '', goal: '1' },
    ...results.flatMap(({ contender: { name, role }, requests }): Figure[] => (requests ? [{ what: `${name} as ${role}: requests for publish, cold and warm resolve together`, value: requests.publish, unit: '' }] : [])),
    ...results.flatMap(({ contender: { name, role, count = PROFILES }, ours, bare }): Figure[] => [
      ['publish', ours.publish], ['resolve cold', ours.cold], ['resolve warm', ours.warm], ['bare put', bare.put], ['bare get', bare.get]
    ].map(([what, ms]) => ({ what: `${name} as ${role}: ${what}`, value: (ms as number) * 1_000 / count, unit: 'us' })))
  ],
  notes: [`medians of ${ROUNDS} rounds; what has a goal is reached through a relay, ${2 * DELAY_MS} ms to and fro`, `documents of a block store are about ${LARGE} bytes, others ride in their records`]
})

if (import.meta.main) console.log(format(await run()))
