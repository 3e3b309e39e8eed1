import { StoreError } from '../../errors.ts'
import { mapConcurrently } from '../../store/concurrent.ts'
import { readValue } from './value-file.ts'

const CHUNK_KEYS = 64

/** The values of some keys as they were when it was made, whatever is written meanwhile: who writes lets it {@link save} first. */
export class Snapshot {
  private readonly location: string
  private readonly keys: readonly string[]
  private reached = 0
  /** The keys that were not read yet; made when somebody writes, which few live to see. */
  private ahead: Set<string> | undefined
  private readonly saved = new Map<string, Uint8Array>()

  constructor (location: string, keys: readonly string[]) {
    this.location = location
    this.keys = keys
  }

  /** Takes the old values of those of `changing` that were not read yet. To be called, and waited for, before any of them is changed. */
  async save (changing: ReadonlySet<string>): Promise<void> {
    this.ahead ??= new Set(this.keys.slice(this.reached))
    for (const key of changing) {
      if (!this.ahead.has(key) || this.saved.has(key)) continue
      const value = await readValue(this.location, key)
      if (value) this.saved.set(key, value)
    }
  }

  /** The next entries in the order of the keys; none at the end. */
  async next (): Promise<[string, Uint8Array][]> {
    const chunk = this.keys.slice(this.reached, this.reached + CHUNK_KEYS)
    const entries = await mapConcurrently(chunk, async (key): Promise<[string, Uint8Array]> => [key, await this.read(key)])
    this.reached += chunk.length
    for (const key of chunk) {
      this.ahead?.delete(key)
      this.saved.delete(key)
    }
    return entries
  }

  private async read (key: string): Promise<Uint8Array> {
    const current = this.saved.get(key) ?? await readValue(this.location, key)
    // What was read is either still the old value, or the old one was saved before it was changed.
    const value = this.saved.get(key) ?? current
    if (!value) throw new StoreError(`a file was removed by somebody else; key=${key} location=${this.location}`)
    return value
  }
}
