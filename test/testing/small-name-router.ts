import { cancellable } from '../../src/adapters/cancellable.ts'
import { RouterFailedError } from '../../src/adapters/router-failed.ts'
import { MAX_RECORD_BYTES } from '../../src/limits.ts'
import type { NameRouter } from '../../src/naming/name-router.ts'
import { createSmallClient, type SmallOptions } from './small-client.ts'
import type { SmallPlace } from './small-server.ts'

/** A small server as a name router: it keeps the record that came last. */
export const createSmallNameRouter = (place: SmallPlace, options?: SmallOptions): NameRouter => {
  const { ask, close, closing } = createSmallClient(place, { ...options, what: 'router', fail: (reason, failure) => new RouterFailedError('small', reason, failure) })
  return {
    name: 'small',
    async put (id, record, { signal } = {}) {
      await ask('PUT', id, { body: Uint8Array.from(record), signal })
    },
    get: (id, { signal } = {}) => cancellable(async function * (bounded) {
      const record = await ask('GET', id, { maxBytes: MAX_RECORD_BYTES, signal: bounded })
      if (record) yield record
    }, [closing, signal]),
    close: async () => close()
  }
}
