import { cidOf, DAG_CBOR } from '../../src/store/block.ts'
import { decodeCborMap, encodeCbor } from '../../src/cbor.ts'
import { recallEncodedProfileId, type ProfileId } from '../../src/identity/profile-id.ts'
import type { ProfileDocument } from '../../src/profile/document.ts'
import { openLocalIndex } from '../../src/search/local/local-index.ts'
import { MARKS } from '../../src/search/local/marks.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { seededRandom } from '../profiles.ts'
import type { Figure, Report } from '../report.ts'
import { datasetBytes } from './dataset.ts'

const SEED = 68
/** The level in the middle is half full: it takes twice as many. */
const MIDDLE_EDITS = 10_240
/** The smallest level takes half as many; with single edits between them, it is measured at all its fillings. */
const FILLING_EDITS = 1_100
const EDITS_BETWEEN = 20
const MANY_EDITS = 1_000
const KIB = 1_024
/** Who writes more than this share of all that was written to build the index merges its largest level. */
const BASE_SHARE = 0.3

/** What is written when profiles of a local index change, blocks alone: they are also what a publisher has to publish. */
export const measureEdits = async (count: number): Promise<Pick<Report, 'figures' | 'notes'>> => {
  const profiles = createEditedProfiles(count)
  const written = countWrites(profiles.state)
  const index = openLocalIndex({ ...profiles, state: written.state })
  const started = performance.now()
  await index.refresh()
  const rebuildMs = performance.now() - started
  const baseBytes = BASE_SHARE * written.take()
  const random = seededRandom(SEED)
  const write = async (edits: number): Promise<Write> => {
    written.take()
    for (let i = 0; i < edits; i++) await profiles.edit(Math.floor(random() * count))
    const { segments } = await index.snapshot()
    return { edits, bytes: written.take(), smallest: segments.at(-1)!.documents }
  }
  await write(Math.min(MIDDLE_EDITS, count >> 2))
  const writes: Write[] = []
  for (let edits = 0; edits < FILLING_EDITS; edits += 1 + EDITS_BETWEEN) writes.push(await write(EDITS_BETWEEN), await write(1))
  const isMerge = ({ smallest }: Write, i: number): boolean => i > 0 && smallest < writes[i - 1]!.smallest
  const single = writes.filter((each, i) => each.edits === 1 && !isMerge(each, i))
  const merges = writes.filter(isMerge).filter(({ bytes }) => bytes < baseBytes)
  const many = await write(MANY_EDITS)
  const { segments } = await index.status()
  await index.close()
  const sum = (some: readonly Write[]): number => some.reduce((total, { bytes }) => total + bytes, 0)
  return {
    figures: [
      { what: 'new bytes for one edit, its share of merges into the next level included', value: (sum(single) / single.length + sum(merges) / FILLING_EDITS) / KIB, unit: 'KiB', goal: '<= 320' },
      ...(many.bytes < baseBytes ? [{ what: 'new bytes for 1,000 edits at once', value: many.bytes / KIB ** 2, unit: 'MiB', goal: '<= 8' }] : []),
      { what: 'an index built from the profiles that a device keeps', value: (count / rebuildMs) * 1_000, unit: 'profiles/s' }
    ] satisfies Figure[],
    notes: [`after all edits the local index had ${segments} segments; ${writes.filter(({ bytes }) => bytes >= baseBytes).length} merges of its largest level are left out`]
  }
}

/** One version of the index. */
interface Write {
  readonly edits: number
  readonly bytes: number
  /** Profiles in the smallest segment. */
  readonly smallest: number
}

/** The profiles of the set as whoever keeps them has them; of those that were edited, the newest version. */
const createEditedProfiles = (count: number) => {
  const state = createMemoryStore()
  const indexById = new Map<ProfileId, number>()
  for (let index = 0; index < count; index++) indexById.set(decodeProfileIdOf(datasetBytes(index)), index)
  const ids = [...indexById.keys()].sort()
  const edits = new Map<number, number>()
  const bytesOf = (index: number): Uint8Array => {
    const bytes = datasetBytes(index)
    const edit = edits.get(index)
    if (edit === undefined) return bytes
    const document = decodeCborMap(bytes) as ProfileDocument
    return encodeCbor({ ...document, seq: document.seq + edit, attrs: { ...document.attrs, bio: `Now and then I write another line here, this being number ${edit}.` } })
  }
  return {
    state,
    /** Another bio. */
    async edit (index: number) {
      edits.set(index, (edits.get(index) ?? 0) + 1)
      await state.put(`${MARKS}${decodeProfileIdOf(datasetBytes(index))}`, encodeCbor({ edit: edits.get(index)! }))
    },
    async headOf (id: ProfileId) {
      const bytes = bytesOf(indexById.get(id)!)
      return { bytes, cid: await cidOf(bytes, DAG_CBOR) }
    },
    async * ids (after: ProfileId | undefined) {
      for (let i = after === undefined ? 0 : ids.indexOf(after) + 1; i < ids.length; i++) yield ids[i]!
    }
  }
}

const decodeProfileIdOf = (bytes: Uint8Array): ProfileId => recallEncodedProfileId((decodeCborMap(bytes) as ProfileDocument).id)

/** Counts the bytes of index blocks that go into `state`. */
const countWrites = (state: KeyValueStore): { state: KeyValueStore; take(): number } => {
  let bytes = 0
  const count = (key: string, value: Uint8Array): void => {
    if (key.startsWith('search/segment/')) bytes += value.byteLength
  }
  return {
    state: {
      ...state,
      put (key, value, options) {
        count(key, value)
        return state.put(key, value, options)
      },
      batch (operations, options) {
        for (const operation of operations) if (operation.type === 'put') count(operation.key, operation.value)
        return state.batch(operations, options)
      }
    },
    take () {
      const taken = bytes
      bytes = 0
      return taken
    }
  }
}
