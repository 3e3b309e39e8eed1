import type { createBlockstore } from '../adapters/helia/blockstore.ts'
import { ClosedError, MercuryError } from '../errors.ts'
import type { NameRouter } from '../naming/name-router.ts'
import { createGate } from '../store/gate.ts'
import type { HashStore } from '../store/hash-store.ts'
import { NotSupportedError } from '../store/not-supported.ts'

/** Somebody else would have to be asked, and this program was told not to. */
export class OfflineError extends MercuryError {
  override readonly name = 'OfflineError'
  constructor (what: string) {
    super('OFFLINE', `${what} is not asked: this program runs offline`)
  }
}

/** Stands for a router of the same name: what is owed to it stays owed, and what it could have said stays unknown. */
export const createOfflineRouter = (name: string): NameRouter => {
  let closed = false
  const refuse = (signal?: AbortSignal): never => {
    if (closed) throw new ClosedError(`router ${name}`)
    signal?.throwIfAborted()
    throw new OfflineError(name)
  }
  return {
    name,
    put: async (_id, _record, { signal } = {}) => refuse(signal),
    async * get (_id, { signal } = {}) {
      yield refuse(signal)
    },
    async close () {
      closed = true
    }
  }
}

/**
 * The blocks of a node that is not running. What is put is here when it runs again; a pin is refused, so that whoever owes it goes on owing it.
 */
export const createOfflineBlocks = (blocks: ReturnType<typeof createBlockstore>): HashStore => {
  const gate = createGate('store')
  return {
    space: 'ipfs',
    supports: { put: true, pin: true, persistence: true, network: true },
    put: (cid, bytes, { signal, pin = false } = {}) => gate.run(signal, async () => {
      await blocks.put(cid, Uint8Array.from(bytes), { signal })
      if (pin) throw new OfflineError('ipfs')
    }),
    get: (cid, { signal, offline = false } = {}) => gate.run(signal, async () => {
      if (await blocks.has(cid, { signal })) {
        for await (const bytes of blocks.get(cid, { signal })) return Uint8Array.from(bytes)
      }
      if (!offline) throw new OfflineError('ipfs')
      return undefined
    }),
    pin: (_cid, { signal } = {}) => gate.run(signal, async () => { throw new OfflineError('ipfs') }),
    unpin: (_cid, { signal } = {}) => gate.run(signal, async () => { throw new OfflineError('ipfs') }),
    close: () => gate.close()
  }
}

/** Stands for a store on another machine: it has nothing here, and what is owed to it stays owed. */
export const createOfflineStore = (space: string, { writable }: { writable: boolean }): HashStore => {
  const gate = createGate('store')
  const refuse = (signal?: AbortSignal): Promise<never> => gate.run(signal, async () => { throw writable ? new OfflineError(space) : new NotSupportedError('writing') })
  return {
    space,
    supports: { put: writable, pin: writable, persistence: writable, network: true },
    put: (_cid, _bytes, { signal } = {}) => refuse(signal),
    get: (_cid, { signal, offline = false } = {}) => gate.run(signal, async () => {
      if (!offline) throw new OfflineError(space)
      return undefined
    }),
    pin: (_cid, { signal } = {}) => refuse(signal),
    unpin: (_cid, { signal } = {}) => refuse(signal),
    close: () => gate.close()
  }
}
