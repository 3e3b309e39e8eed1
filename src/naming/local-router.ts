import type { ProfileId } from '../identity/profile-id.ts'
import { ConflictError } from '../errors.ts'
import { createGate } from '../store/gate.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import type { NameRouter } from './name-router.ts'
import { compareRecords, verifyIpnsRecord } from './record.ts'

const WRITE_TRIES = 8

/**
 * A router over a store of this machine, or one that several processes share: keeps the best authentic record of each name, in its reduced form.
 *
 * @param options `name`: for answers and logs, `local` by default
 */
export const createLocalRouter = (store: KeyValueStore, { name = 'local' }: { name?: string } = {}): NameRouter => {
  const gate = createGate('router')
  return {
    name,
    put: (id, bytes, { signal } = {}) => gate.run(signal, async () => {
      const record = await verifyIpnsRecord(id, bytes)
      for (let tries = WRITE_TRIES; ; tries--) {
        const known = await store.get(recordKey(id), { signal })
        if (known && compareRecords(await verifyIpnsRecord(id, known), record) >= 0) return
        try {
          return await store.batch([{ type: 'check', key: recordKey(id), value: known }, { type: 'put', key: recordKey(id), value: record.bytes }], { signal })
        } catch (error) {
          if (tries === 1 || !(error instanceof ConflictError)) throw error
        }
      }
    }),
    async * get (id, { signal } = {}) {
      const record = await gate.run(signal, () => store.get(recordKey(id), { signal }))
      if (record) yield record
    },
    close: () => gate.close()
  }
}

const recordKey = (id: ProfileId): string => `record/${id}`
