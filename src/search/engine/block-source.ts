import type { CID } from 'multiformats/cid'
import { decodeCborMap } from '../../cbor.ts'
import { LimitError, reasonOf } from '../../errors.ts'
import { recallEncodedProfileId } from '../../identity/profile-id.ts'
import { verifyDocument, type ProfileDocument } from '../../profile/document.ts'
import { BlockMismatchError, getBlock } from '../../store/block.ts'
import { BlockNotFoundError, type HashStore } from '../../store/hash-store.ts'
import { untilAborted } from '../../until-aborted.ts'
import { MAX_INDEXED_DOCUMENT_BYTES } from '../query/profile-terms.ts'
import type { FetchedDocument, Found, Need, Reading } from '../reading.ts'
import { InvalidIndexBlockError, MAX_INDEX_BLOCK_BYTES, decodeIndexBlock } from '../segment/index-block.ts'
import type { BlockCache } from './block-cache.ts'
import type { Work } from './search-answer.ts'

export const MAX_QUERY_BLOCKS = 128
export const MAX_QUERY_FETCHED_BYTES = 1_048_576

/** A query came to the end of what it may cost. */
export class QueryStopped extends Error {
  readonly limit: 'blocks' | 'bytes' | 'time'
  constructor (limit: 'blocks' | 'bytes' | 'time') {
    super(`stopped by its limit of ${limit}`)
    this.limit = limit
  }
}

export interface BlockSource {
  /** What came for each need. @throws InvalidIndexBlockError, QueryStopped, what the store throws */
  read(needs: readonly Need[], options?: { signal?: AbortSignal }): Promise<readonly Found[]>
  readonly work: Readonly<Work>
}

export interface BlockSourceOptions {
  blocks: HashStore
  /** `signature` for documents that anybody may have put there; `hash` for those that were verified when they came in. */
  verify: 'signature' | 'hash'
  /** Blocks that were read before; of one index, or of several. */
  cache?: BlockCache
  hints?: readonly string[]
  /** @default 128 */
  maxBlocks?: number
  /** @default 1 MiB */
  maxBytes?: number
  /** Ends the query: documents that have not come by then are passed over, and nothing is fetched any more. */
  deadline?: AbortSignal
}

/** Fetches and verifies what one query needs, each block once, and counts it. */
export const createBlockSource = ({ blocks, verify, cache, hints, maxBlocks = MAX_QUERY_BLOCKS, maxBytes = MAX_QUERY_FETCHED_BYTES, deadline }: BlockSourceOptions): BlockSource => {
  const work: Work = { rounds: 0, blocks: 0, bytes: 0 }
  const own = new Map<string, Found>()
  const ending = deadline && late(deadline)

  const fetchIndexBlock = async (cid: CID, signal: AbortSignal): Promise<Found> => {
    try {
      const bytes = await untilAborted(getBlock(blocks, cid, { maxBytes: MAX_INDEX_BLOCK_BYTES, ...(hints ? { hints } : {}), signal }), signal)
      if (!bytes) throw new InvalidIndexBlockError(cid, 'it is missing')
      work.bytes += bytes.byteLength
      return decodeIndexBlock(cid, bytes)
    } catch (error) {
      if (error instanceof BlockMismatchError || error instanceof LimitError || error instanceof BlockNotFoundError) throw new InvalidIndexBlockError(cid, reasonOf(error), { cause: error })
      throw error
    }
  }

  const fetchDocument = async (cid: CID, signal: AbortSignal): Promise<FetchedDocument | Error> => {
    try {
      const bytes = await untilAborted(getBlock(blocks, cid, { maxBytes: MAX_INDEXED_DOCUMENT_BYTES, ...(hints ? { hints } : {}), signal }), signal)
      if (!bytes) return new BlockNotFoundError(cid)
      work.bytes += bytes.byteLength
      if (verify === 'signature') return { ...(await verifyDocument(bytes, { id: 'any', cid })), bytes }
      const document = decodeCborMap(bytes) as ProfileDocument
      return { id: recallEncodedProfileId(document.id), cid, document, bytes }
    } catch (error) {
      // What came in time stands: one document that nobody has must not take the others along.
      if (signal.aborted && signal.reason === LATE) return new BlockNotFoundError(cid)
      signal.throwIfAborted()
      return error instanceof Error ? error : new Error(reasonOf(error))
    }
  }

  return {
    work,
    async read (needs, { signal } = {}) {
      const wanted = new Map<string, Need>()
      for (const need of needs) {
        const name = nameOf(need)
        if (!own.has(name)) {
          const known = cache?.get(name)
          if (known) own.set(name, known)
          else wanted.set(name, need)
        }
      }
      if (wanted.size > 0) {
        if (work.blocks + wanted.size > maxBlocks) throw new QueryStopped('blocks')
        if (work.bytes >= maxBytes) throw new QueryStopped('bytes')
        if (deadline?.aborted) throw LATE
        work.rounds++
        work.blocks += wanted.size
        const enough = new AbortController()
        const until = AbortSignal.any([enough.signal, ...(signal ? [signal] : []), ...(ending ? [ending] : [])])
        await Promise.all([...wanted].map(async ([name, { cid, as }]) => {
          const found = await (as === 'index' ? fetchIndexBlock(cid, until) : fetchDocument(cid, until))
          if (work.bytes > maxBytes) enough.abort(new QueryStopped('bytes'))
          enough.signal.throwIfAborted()
          own.set(name, found)
          if (!(found instanceof Error)) cache?.set(name, found)
        }))
      }
      return needs.map((need) => own.get(nameOf(need))!)
    }
  }
}

const LATE = new QueryStopped('time')

/** `deadline` with a reason that tells it from the caller's own signal. */
const late = (deadline: AbortSignal): AbortSignal => {
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(LATE)
  if (deadline.aborted) onAbort()
  else deadline.addEventListener('abort', onAbort, { once: true })
  return controller.signal
}

/** Runs a reading to its end. */
export const runReading = async <T>(reading: Reading<T>, source: BlockSource, options?: { signal?: AbortSignal }): Promise<T> => {
  let step = reading.next()
  while (!step.done) step = reading.next(await source.read(step.value, options))
  return step.value
}

const nameOf = ({ cid, as }: Need): string => `${as[0]}${cid.toString()}`
