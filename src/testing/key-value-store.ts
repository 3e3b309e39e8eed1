import type { KeyValueStore } from '../store/key-value-store.ts'
import type { Clause } from './clause.ts'
import { batchClauses } from './key-value-store/batches.ts'
import { iterationClauses } from './key-value-store/iteration.ts'
import { lifecycleClauses } from './key-value-store/lifecycle.ts'
import type { KeyValueStoreSetup } from './key-value-store/setup.ts'
import { valueClauses } from './key-value-store/values.ts'

export type { KeyValueStoreSetup }

/** The prose of `KeyValueStore`, sentence by sentence. */
export const keyValueStoreClauses: readonly Clause<KeyValueStore, KeyValueStoreSetup>[] = [...valueClauses, ...iterationClauses, ...batchClauses, ...lifecycleClauses]
