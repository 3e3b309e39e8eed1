import { describe, it } from 'vitest'
import type { NameRouter } from '../naming/name-router.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { runClause, type Clause, type Factory, type Setup } from './clause.ts'
import type { Faults, FaultySetup } from './faults.ts'
import { hashStoreClauses, type HashStoreSetup } from './hash-store.ts'
import { hashStoreFaultClauses, type FaultyHashStoreSetup } from './hash-store-faults.ts'
import { keyValueStoreClauses, type KeyValueStoreSetup } from './key-value-store.ts'
import { keyValueStoreFaultClauses, type FaultyKeyValueStoreSetup } from './key-value-store-faults.ts'
import { nameRouterClauses, type NameRouterSetup } from './name-router.ts'
import { nameRouterFaultClauses, type FaultyNameRouterSetup } from './name-router-faults.ts'

export { hashStoreClauses, hashStoreFaultClauses, keyValueStoreClauses, keyValueStoreFaultClauses, nameRouterClauses, nameRouterFaultClauses, runClause }
export type { Clause, Factory, Faults, FaultyHashStoreSetup, FaultyKeyValueStoreSetup, FaultyNameRouterSetup, FaultySetup, HashStoreSetup, KeyValueStoreSetup, NameRouterSetup, Setup }

/** Declares the tests of the `KeyValueStore` contract. `open` may be called again and while it is open; see {@link Setup}. */
export const testKeyValueStore = (name: string, factory: Factory<KeyValueStore, KeyValueStoreSetup>): void => declare(`${name} keeps the contract of KeyValueStore`, keyValueStoreClauses, factory)

/** Declares the tests of the `HashStore` contract. */
export const testHashStore = (name: string, factory: Factory<HashStore, HashStoreSetup>): void => declare(`${name} keeps the contract of HashStore`, hashStoreClauses, factory)

/** Declares the tests of the `NameRouter` contract. They sign records of their own, for names that nobody else uses. */
export const testNameRouter = (name: string, factory: Factory<NameRouter, NameRouterSetup>): void => declare(`${name} keeps the contract of NameRouter`, nameRouterClauses, factory)

/** Declares what a `KeyValueStore` over a server owes its callers while that server fails. */
export const testKeyValueStoreFaults = (name: string, factory: Factory<KeyValueStore, FaultyKeyValueStoreSetup>): void => declare(`${name} stands the faults of its server`, keyValueStoreFaultClauses, factory)

/** Declares what a `HashStore` over a server owes its callers while that server fails. */
export const testHashStoreFaults = (name: string, factory: Factory<HashStore, FaultyHashStoreSetup>): void => declare(`${name} stands the faults of its server`, hashStoreFaultClauses, factory)

/** Declares what a `NameRouter` over a server owes its callers while that server fails. */
export const testNameRouterFaults = (name: string, factory: Factory<NameRouter, FaultyNameRouterSetup>): void => declare(`${name} stands the faults of its server`, nameRouterFaultClauses, factory)

const declare = <Subject extends { close(): Promise<void> }, S extends Setup<Subject>>(title: string, clauses: readonly Clause<Subject, S>[], factory: Factory<Subject, S>): void => {
  describe(title, () => {
    for (const clause of clauses) it(clause.name, () => runClause(clause, factory))
  })
}
