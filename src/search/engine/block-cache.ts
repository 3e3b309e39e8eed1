import type { Found } from '../reading.ts'

/** Blocks as they were decoded and verified; the longest unused make room. */
export interface BlockCache {
  get(name: string): Found | undefined
  set(name: string, found: Found): void
}

/** @param options `maxBytes` of the blocks in it; what is decoded of them takes some three times that. 16 MiB by default */
export const createBlockCache = ({ maxBytes = 16 * 1_048_576 }: { maxBytes?: number } = {}): BlockCache => {
  const entries = new Map<string, Found>()
  let bytes = 0
  return {
    get (name) {
      const found = entries.get(name)
      if (found) {
        entries.delete(name)
        entries.set(name, found)
      }
      return found
    },
    set (name, found) {
      if (entries.has(name)) return
      entries.set(name, found)
      bytes += sizeOf(found)
      for (const [oldest, block] of entries) {
        if (bytes <= maxBytes) break
        entries.delete(oldest)
        bytes -= sizeOf(block)
      }
    }
  }
}

const sizeOf = (found: Found): number => (found instanceof Error ? 0 : 'bytes' in found ? found.bytes.byteLength : found.data.byteLength + found.links.length * 41)
