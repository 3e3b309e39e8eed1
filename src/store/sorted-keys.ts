import { compareUtf8 } from '../bytes.ts'
import type { KeyBounds } from './key-range.ts'

/** Up to so many changed keys are moved one by one; above, the whole array is sorted again. */
const MOVED_ONE_BY_ONE = 64

/**
 * The keys of `members` in UTF-8 byte order, sorted only when somebody looks.
 *
 * A look after a few changes costs a binary search and a shift of the array for each; after many, one sort of an array that is sorted already for the most part.
 */
export class SortedKeys {
  private keys: string[] = []
  private readonly changed = new Set<string>()
  private readonly members: { has(key: string): boolean }

  /** @param members is asked, not copied; whoever changes it calls {@link changes} */
  constructor (members: { has(key: string): boolean }) {
    this.members = members
  }

  /** `key` was added to the members or removed. */
  changes (key: string): void {
    this.changed.add(key)
  }

  /** A copy of the keys within `bounds`, in the order asked for. */
  within ({ lower, upper, reverse, limit }: KeyBounds): string[] {
    this.settle()
    const start = lower ? this.position(lower.key, !lower.inclusive) : 0
    const end = upper ? this.position(upper.key, upper.inclusive) : this.keys.length
    if (end <= start) return []
    return reverse ? this.keys.slice(Math.max(start, end - limit), end).reverse() : this.keys.slice(start, Math.min(end, start + limit))
  }

  private settle (): void {
    if (this.changed.size === 0) return
    if (this.changed.size <= MOVED_ONE_BY_ONE) this.moveOneByOne()
    else this.sortAgain()
    this.changed.clear()
  }

  private moveOneByOne (): void {
    for (const key of this.changed) {
      const at = this.position(key, false)
      const listed = this.keys[at] === key
      if (listed === this.members.has(key)) continue
      if (listed) this.keys.splice(at, 1)
      else this.keys.splice(at, 0, key)
    }
  }

  private sortAgain (): void {
    const kept = this.keys.filter((key) => !this.changed.has(key))
    const added = [...this.changed].filter((key) => this.members.has(key))
    this.keys = kept.concat(added.sort(compareUtf8)).sort(compareUtf8)
  }

  /** How many keys stand before `key`, and `key` itself when `after`. */
  private position (key: string, after: boolean): number {
    let low = 0
    let high = this.keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = compareUtf8(this.keys[middle]!, key)
      if (order < 0 || (after && order === 0)) low = middle + 1
      else high = middle
    }
    return low
  }
}
