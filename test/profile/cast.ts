import { createPledge } from '../../src/identity/pledge.ts'
import { createSigner, type Signer } from '../../src/identity/signer.ts'
import { keyPair } from '../vectors/forge.ts'

/** Whoever acts in the tests of profiles and records, always with the same keys. `alice` is pledged to `aliceNext`; the others to nobody. */
const actor = (name: string): Promise<Signer> => createSigner(keyPair(name).seed)

export const aliceNext = await actor('alice, generation 1')
export const aliceUnpledged = await actor('alice')
export const alice = await createSigner(keyPair('alice').seed, { pledge: await createPledge(aliceUnpledged, aliceNext.publicKey) })
export const bob = await actor('bob')
export const home = await actor('home')
export const mallory = await actor('mallory')

/** Unix seconds, on the hour: 2027-01-15T08:00:00Z. */
export const TIME = 1_800_000_000
export const NOW = TIME * 1_000

/** Freezes a value and all that it holds, so that a mutation of an argument throws; bytes cannot be frozen and are left out. */
export const frozen = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}

/** A Node `Buffer` that is a view into a larger one, as sockets and files give them. */
export const bufferView = (bytes: Uint8Array): Buffer => {
  const whole = Buffer.alloc(bytes.byteLength + 20, 0xee)
  whole.set(bytes, 7)
  return whole.subarray(7, 7 + bytes.byteLength)
}
