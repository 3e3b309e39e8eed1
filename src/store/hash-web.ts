import type { CID } from 'multiformats/cid'
import { MercuryError } from '../errors.ts'
import { verifyBlock } from './block.ts'
import { createGate } from './gate.ts'
import { BlockNotFoundError, type HashStore, type HashStoreOptions } from './hash-store.ts'

export interface HashWebOptions {
  /** One store for each hash space. */
  spaces: readonly HashStore[]
  /** The space that takes what is put, and that is asked where no hint names one. */
  default: string
}

/**
 * Several hash spaces as one store: a link finds its block in the space that holds it.
 *
 * - `get` asks the spaces that `hints` name, in their order, then the default one; each once. A hint names a space by how it starts:
 *   `bittorrent/…`, `ipfs://…`. It is passed on to that space, hints that name none to all. A space that fails or gives other bytes is passed over;
 *   absence is answered only when every space that was asked said so.
 * - `put`, `pin` and `unpin` go to the default space; a pin fetches from the others what that one lacks.
 *
 * `close()` leaves the spaces open.
 *
 * @throws MercuryError `INVALID_SPACES` when two stores are of one space, or none is of the default one
 */
export const createHashWeb = ({ spaces, default: defaultSpace }: HashWebOptions): HashStore => {
  const storeBySpace = new Map(spaces.map((store) => [store.space, store]))
  const home = storeBySpace.get(defaultSpace)
  if (!home || storeBySpace.size < spaces.length) throw new MercuryError('INVALID_SPACES', `a hash web has one store for each space, and one of them is ${JSON.stringify(defaultSpace)}; got ${spaces.map(({ space }) => space).join(', ') || 'none'}`)
  const gate = createGate('store')

  const get = async (cid: CID, { hints = [], ...options }: NonNullable<Parameters<HashStore['get']>[1]>, candidates: readonly HashStore[]): Promise<Uint8Array | undefined> => {
    let failure: unknown
    for (const store of candidates) {
      try {
        const bytes = await store.get(cid, { ...options, hints: hints.filter((hint) => [undefined, store.space].includes(spaceOf(hint, storeBySpace))) })
        if (!bytes) continue
        await verifyBlock(cid, bytes)
        return bytes
      } catch (error) {
        options.signal?.throwIfAborted()
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
    return undefined
  }

  const named = (hints: readonly string[]): HashStore[] => {
    const names = new Set(hints.map((hint) => spaceOf(hint, storeBySpace)))
    return [...[...names].flatMap((name) => (name === undefined || name === home.space ? [] : [storeBySpace.get(name)!])), home]
  }

  const pin = async (cid: CID, { signal }: HashStoreOptions): Promise<void> => {
    try {
      await home.pin(cid, { signal })
    } catch (error) {
      if (!home.supports.put || !(error instanceof MercuryError && error.code === 'NOT_FOUND')) throw error
      const bytes = await get(cid, { signal }, spaces.filter((store) => store !== home))
      if (!bytes) throw new BlockNotFoundError(cid)
      await home.put(cid, bytes, { signal, pin: true })
    }
  }

  return {
    space: home.space,
    supports: { ...home.supports, network: spaces.some(({ supports }) => supports.network) },
    put: (cid, bytes, options = {}) => gate.run(options.signal, () => home.put(cid, bytes, options)),
    get: (cid, options = {}) => gate.run(options.signal, () => get(cid, options, named(options.hints ?? []))),
    pin: (cid, { signal } = {}) => gate.run(signal, () => pin(cid, { signal })),
    unpin: (cid, { signal } = {}) => gate.run(signal, () => home.unpin(cid, { signal })),
    close: () => gate.close()
  }
}

/** The space that a hint starts with, if it is one of these. */
const spaceOf = (hint: string, spaces: ReadonlyMap<string, HashStore>): string | undefined => {
  const [, name] = /^([a-z0-9-]+)[:/]/.exec(hint) ?? []
  return name !== undefined && spaces.has(name) ? name : undefined
}
