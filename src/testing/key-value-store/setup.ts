import type { KeyValueStore } from '../../store/key-value-store.ts'
import type { Setup } from '../clause.ts'

export interface KeyValueStoreSetup extends Setup<KeyValueStore> {
  /** The longest key that it takes, in UTF-8 bytes: less than 1,024 only for a view behind a prefix. */
  maxKeyBytes?: number
}
