import type { CID } from 'multiformats/cid'
import { getBlock } from './block.ts'
import type { HashStore } from './hash-store.ts'
import { NotSupportedError } from './not-supported.ts'
import { walkDag } from './walk-dag.ts'

/** What became of one block. */
export interface CopiedBlock {
  readonly cid: CID
  /** `present`: it was there already, whole. `failed`: it could not be read or written; `error` says why. */
  readonly outcome: 'copied' | 'present' | 'failed'
  readonly bytes: number
  readonly error?: unknown
}

export interface CopyOptions {
  from: HashStore
  to: HashStore
  roots: readonly CID[]
  onBlock?: (block: CopiedBlock) => void
  signal?: AbortSignal | undefined
}

/**
 * Copies every block that can be reached from `roots`, within the limits of a profile's DAG, and pins it where `to` pins.
 *
 * Each block is hashed before it is written, and read back and hashed again. What `to` has already is not read from `from`, so a copy that was cut off goes on where it was.
 * A block that cannot be copied is told and the rest goes on; what only that block links to stays unseen.
 *
 * @throws NotSupportedError when `to` takes no blocks, LimitError for a DAG over 8 MiB, 1,024 blocks or 32 levels
 */
export const copyBlocks = async ({ from, to, roots, onBlock = () => undefined, signal }: CopyOptions): Promise<void> => {
  if (!to.supports.put) throw new NotSupportedError('writing')

  /** The block, once `to` has it. */
  const settle = async (cid: CID): Promise<Uint8Array | undefined> => {
    const present = await presentIn(to, cid, signal)
    if (present) {
      if (to.supports.pin) await to.pin(cid, { signal })
      onBlock({ cid, outcome: 'present', bytes: present.byteLength })
      return present
    }
    const bytes = await getBlock(from, cid, { signal })
    if (!bytes) return undefined
    await to.put(cid, bytes, { signal, pin: to.supports.pin })
    if (!(await getBlock(to, cid, { signal }))) throw new TypeError('it is not there after it was written')
    onBlock({ cid, outcome: 'copied', bytes: bytes.byteLength })
    return bytes
  }

  await walkDag({ ...from, get: settle }, roots, {
    signal,
    onFailure (cid, error) {
      signal?.throwIfAborted()
      onBlock({ cid, outcome: 'failed', bytes: 0, error })
    }
  })
}

/** What `to` has of its own; wrong bytes, and what it cannot tell, count as absent: they are written again. */
const presentIn = async (to: HashStore, cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> => {
  try {
    return await getBlock(to, cid, { offline: true, signal })
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}
