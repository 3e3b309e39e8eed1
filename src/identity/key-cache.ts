import { equals } from 'uint8arrays'

/**
 * Remembers what was made for each of the last `max` public keys.
 *
 * A key is looked up by its first 48 bits: to make a text of the whole takes ten times as long. Of two keys that share them the later one is remembered.
 */
export class KeyCache<T> {
  private readonly max: number
  private readonly entryByPrefix = new Map<number, { publicKey: Uint8Array; value: T }>()

  constructor (max: number) {
    this.max = max
  }

  /** What is remembered for `publicKey`, or what `make` makes now; when that throws, nothing is remembered. */
  get (publicKey: Uint8Array, make: (publicKey: Uint8Array) => T): T {
    const prefix = prefixOf(publicKey)
    const known = this.entryByPrefix.get(prefix)
    if (known && equals(known.publicKey, publicKey)) return known.value
    const value = make(publicKey)
    if (this.entryByPrefix.size >= this.max) this.entryByPrefix.delete(this.entryByPrefix.keys().next().value!)
    this.entryByPrefix.set(prefix, { publicKey: Uint8Array.from(publicKey), value })
    return value
  }
}

const prefixOf = (bytes: Uint8Array): number =>
  bytes[0]! + bytes[1]! * 2 ** 8 + bytes[2]! * 2 ** 16 + bytes[3]! * 2 ** 24 + bytes[4]! * 2 ** 32 + bytes[5]! * 2 ** 40
