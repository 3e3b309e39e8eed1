import type { CID } from 'multiformats/cid'
import { compareUtf8, utf8 } from '../../bytes.ts'
import { InvalidIndexBlockError, NODE, type IndexBlock } from './index-block.ts'
import { MAX_KEY_BYTES } from './leaf.ts'
import { PackedReader, PackedWriter } from './packed-bytes.ts'

/** Levels of blocks below the top of a tree of keys. A level stands in each node and falls by one, so no tree is deeper and none goes round in circles. */
export const MAX_KEY_DEPTH = 4

/** Which child holds a key. */
export interface KeyNode {
  /** 1 above leaves. */
  readonly level: number
  /** The least key of each child but the first, or a shorter text between it and the child before. */
  readonly separators: readonly string[]
  readonly children: readonly CID[]
}

export const encodeNode = ({ level, separators, children }: KeyNode): Pick<IndexBlock, 'data' | 'links'> => {
  const writer = new PackedWriter()
  writer.byte(NODE)
  writer.byte(level)
  let last: Uint8Array = new Uint8Array()
  for (const separator of separators) {
    const bytes = utf8(separator)
    let shared = 0
    while (shared < last.byteLength && shared < bytes.byteLength && last[shared] === bytes[shared]) shared++
    writer.varint(shared)
    writer.varint(bytes.byteLength - shared)
    writer.append(bytes.subarray(shared))
    last = bytes
  }
  return { data: writer.take(), links: children }
}

const parsed = new WeakMap<IndexBlock, KeyNode>()
const fatalUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws InvalidIndexBlockError */
export const parseNode = (block: IndexBlock): KeyNode => {
  const known = parsed.get(block)
  if (known) return known
  const fail = (reason: string, options?: ErrorOptions): never => {
    throw new InvalidIndexBlockError(block.cid, reason, options)
  }
  const reader = new PackedReader(block.data, fail)
  if (reader.byte() !== NODE) fail('it is not a node')
  const level = reader.byte()
  if (level < 1 || level > MAX_KEY_DEPTH) fail('a level that no tree has')
  if (block.links.length === 0) fail('a node without children')
  const separators: string[] = []
  const key = new Uint8Array(MAX_KEY_BYTES)
  let length = 0
  for (let i = 1; i < block.links.length; i++) {
    const shared = reader.varint()
    const rest = reader.varint()
    if (shared > length || shared + rest > MAX_KEY_BYTES || shared + rest === 0) fail('a separator')
    key.set(reader.take(rest), shared)
    length = shared + rest
    let separator = ''
    try {
      separator = fatalUtf8.decode(key.subarray(0, length))
    } catch (error) {
      fail('text that is not UTF-8', { cause: error })
    }
    if (i > 1 && compareUtf8(separators.at(-1)!, separator) >= 0) fail('its separators do not ascend')
    separators.push(separator)
  }
  reader.end()
  const node = { level, separators, children: block.links }
  parsed.set(block, node)
  return node
}

/** The child that holds `key` if any does. */
export const childOf = ({ separators }: KeyNode, key: string): number => {
  let low = 0
  let high = separators.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareUtf8(separators[middle]!, key) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

/** The shortest beginning of `key` that is above `before`. */
export const separatorBetween = (before: string, key: string): string => {
  let end = 0
  for (const character of key) {
    end += character.length
    if (!before.startsWith(key.slice(0, end))) break
  }
  return key.slice(0, end)
}
