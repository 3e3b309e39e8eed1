import { describe, it } from 'vitest'
import type { NameRouter } from '../naming/name-router.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { runClause, type Clause, type Factory, type Setup } from './clause.ts'
import { hashStoreClauses, type HashStoreSetup } from './hash-store.ts'
import { keyValueStoreClauses, type KeyValueStoreSetup } from './key-value-store.ts'
import { nameRouterClauses, type NameRouterSetup } from './name-router.ts'

export { hashStoreClauses, keyValueStoreClauses, nameRouterClauses, runClause, type Clause, type Factory, type HashStoreSetup, type KeyValueStoreSetup, type NameRouterSetup, type Setup }

/** Declares the tests of the `KeyValueStore` contract. `open` may be called again and while it is open; see {@link Setup}. */
export const testKeyValueStore = (name: string, factory: Factory<KeyValueStore, KeyValueStoreSetup>): void => declare(`${name} keeps the contract of KeyValueStore`, keyValueStoreClauses, factory)

/** Declares the tests of the `HashStore` contract. */
export const testHashStore = (name: string, factory: Factory<HashStore, HashStoreSetup>): void => declare(`${name} keeps the contract of HashStore`, hashStoreClauses, factory)

/** Declares the tests of the `NameRouter` contract. They sign records of their own, for names that nobody else uses. */
export const testNameRouter = (name: string, factory: Factory<NameRouter, NameRouterSetup>): void => declare(`${name} keeps the contract of NameRouter`, nameRouterClauses, factory)

const declare = <Subject extends { close(): Promise<void> }, S extends Setup<Subject>>(title: string, clauses: readonly Clause<Subject, S>[], factory: Factory<Subject, S>): void => {
  describe(title, () => {
    for (const clause of clauses) it(clause.name, () => runClause(clause, factory))
  })
}
