import { createProfiles, createHashStore, createLocalRouter, createMemoryStore, type HashStore, type KeyValueStore, type NameRouter, type Profiles, type ProfileDraft, type Signer } from '../../src/index.ts'
import { NotSupportedError } from '../../src/store/not-supported.ts'
import { timed } from './parallel.ts'

export interface Cast {
  readonly signers: readonly Signer[]
  readonly drafts: readonly ProfileDraft[]
}

/** Milliseconds for all profiles. */
export interface JourneyTimes {
  readonly publish: number
  readonly cold: number
  readonly warm: number
}

/** Which part of the client the adapter is. */
export type Subject =
  | { readonly role: 'state'; readonly adapter: KeyValueStore }
  | { readonly role: 'blocks'; readonly adapter: HashStore; /** Lays blocks for a store that only reads. */ readonly through?: HashStore }
  | { readonly role: 'router'; readonly adapter: NameRouter }

/** Publishes every profile, then reads it as somebody who never saw it, then again. @throws when one is not as it was drafted */
export const travel = async (subject: Subject, { signers, drafts }: Cast): Promise<JourneyTimes> => {
  const names = createLocalRouter(createMemoryStore())
  const author = open(subject, names, subject.role === 'blocks' ? (subject.through ?? subject.adapter) : undefined)
  const publish = await timed(signers.length, (i) => author.publish(drafts[i]!, signers[i]!, { first: true, wait: subject.role === 'state' ? 'local' : 'all' }))
  await author.flush()
  await author.close()

  const reader = open(subject, names, subject.role === 'blocks' ? subject.adapter : undefined)
  const policy = subject.role === 'state' ? 'offline' : 'first'
  const bios: unknown[] = []
  const read = (): Promise<number> => timed(signers.length, async (i) => { bios[i] = (await reader.resolve(signers[i]!.id, { policy })).profile.bio })
  const [cold, warm] = [await read(), await read()]
  await reader.close()
  for (const [i, draft] of drafts.entries()) if (bios[i] !== draft.bio) throw new Error(`${signers[i]!.id} is not as it was published`)
  return { publish, cold, warm }
}

const open = (subject: Subject, names: NameRouter, blocks: HashStore | undefined): Profiles =>
  createProfiles({
    state: subject.role === 'state' ? subject.adapter : createMemoryStore(),
    blocks: blocks ?? NO_BLOCKS,
    routers: subject.role === 'router' ? [subject.adapter] : subject.role === 'blocks' ? [names] : [],
    volatile: true
  })

/** Takes nothing, so that nothing is delivered anywhere else than to the subject. */
const NO_BLOCKS: HashStore = {
  ...createHashStore(createMemoryStore()),
  supports: { put: false, pin: false, persistence: false, network: false },
  put: async () => { throw new NotSupportedError('writing') },
  pin: async () => { throw new NotSupportedError('pins') },
  unpin: async () => { throw new NotSupportedError('pins') }
}
