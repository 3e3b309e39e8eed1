import type { Operation } from '../store/key-value-store.ts'
import { PIN_BOOKS } from '../store/pins.ts'

/** Where the books of a client's pin set stand in its state. */
export const PINS = PIN_BOOKS

/** For a batch on the state: `operations` of the pin set on its books. */
export const onBooks = (operations: readonly Operation[]): Operation[] => operations.map((operation) => ({ ...operation, key: PINS + operation.key }))
