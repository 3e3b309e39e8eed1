import { MAX_BLOCK_BYTES } from '../../src/limits.ts'
import { BlockNotFoundError, type HashStore } from '../../src/store/hash-store.ts'
import { createSmallClient, type SmallOptions } from './small-client.ts'
import type { SmallPlace } from './small-server.ts'

/** A small server as a hash store: a put block stays until it is unpinned. */
export const createSmallHashStore = (place: SmallPlace, options?: SmallOptions): HashStore => {
  const { ask, close } = createSmallClient(place, options)
  return {
    space: 'small',
    supports: { put: true, pin: true, persistence: true, network: true },
    async put (cid, bytes, { signal } = {}) {
      await ask('PUT', cid.toString(), { body: Uint8Array.from(bytes), signal })
    },
    get: async (cid, { signal } = {}) => ask('GET', cid.toString(), { maxBytes: MAX_BLOCK_BYTES, signal }),
    async pin (cid, { signal } = {}) {
      if (!(await ask('HEAD', cid.toString(), { signal }))) throw new BlockNotFoundError(cid)
    },
    async unpin (cid, { signal } = {}) {
      await ask('DELETE', cid.toString(), { signal })
    },
    close: async () => close()
  }
}
