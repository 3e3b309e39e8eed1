import { concat } from 'uint8arrays'
import { mapConcurrently } from '../../store/concurrent.ts'
import { isList, type Bencode } from './bencode.ts'
import { immutableTarget } from './item.ts'

/** `996:` and so many bytes are the 1,000 bytes of one item. */
export const MAX_PIECE_BYTES = 996
/** `l`, so many times `20:` and a target, `e` are 991 bytes. */
export const MAX_TARGETS = 43
const TARGET_BYTES = 20

/** Bytes as items: `root` leads to the immutable `items`, each of at most 1,000 bytes. */
export interface Pieces {
  /** The bytes themselves, a list of the targets of pieces, or one of the targets of such lists. */
  readonly root: Bencode
  readonly items: readonly Bencode[]
}

/** Cuts `bytes` into pieces of 996 bytes, always in the same way: who puts the same bytes puts the same items. @param bytes at most 43 * 43 * 996 */
export const cutIntoPieces = (bytes: Uint8Array): Pieces => {
  if (bytes.byteLength <= MAX_PIECE_BYTES) return { root: Uint8Array.from(bytes), items: [] }
  const pieces = slices(bytes.byteLength, MAX_PIECE_BYTES).map(([start, end]) => bytes.slice(start, end))
  const targets = pieces.map(immutableTarget)
  if (targets.length <= MAX_TARGETS) return { root: targets, items: pieces }
  const lists = slices(targets.length, MAX_TARGETS).map(([start, end]) => targets.slice(start, end))
  return { root: lists.map(immutableTarget), items: [...pieces, ...lists] }
}

/**
 * The bytes that `root` leads to, unverified: whoever wrote `root` chose them.
 *
 * @param get the immutable item of a target, its hash checked
 * @returns `undefined` when an item is missing or `root` is not of the form
 */
export const joinPieces = async (root: Bencode, maxBytes: number, get: (target: Uint8Array) => Promise<Bencode | undefined>): Promise<Uint8Array | undefined> => {
  const maxPieces = Math.ceil(maxBytes / MAX_PIECE_BYTES)
  if (root instanceof Uint8Array) return root.byteLength <= maxBytes ? Uint8Array.from(root) : undefined
  const below = await getAll(root, Math.min(maxPieces, MAX_TARGETS), get)
  const pieces = below?.every(isList) ? await getAll(below.flat(), maxPieces, get) : below
  if (!pieces?.every((piece) => piece instanceof Uint8Array)) return undefined
  const length = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  return length <= maxBytes ? concat(pieces) : undefined
}

/** Several times the same target is one item. */
const getAll = async (targets: Bencode, max: number, get: (target: Uint8Array) => Promise<Bencode | undefined>): Promise<Bencode[] | undefined> => {
  if (!isList(targets) || targets.length === 0 || targets.length > max || !targets.every(isTarget)) return undefined
  const distinct = new Map(targets.map((target) => [nameOf(target), target]))
  let isMissing = false
  const itemByName = new Map<string, Bencode>()
  await mapConcurrently([...distinct], async ([name, target]) => {
    if (isMissing) return
    const item = await get(target)
    if (item === undefined) isMissing = true
    else itemByName.set(name, item)
  })
  return isMissing ? undefined : targets.map((target) => itemByName.get(nameOf(target))!)
}

const isTarget = (value: Bencode): value is Uint8Array => value instanceof Uint8Array && value.byteLength === TARGET_BYTES

const nameOf = (target: Uint8Array): string => String.fromCharCode(...target)

const slices = (length: number, size: number): [start: number, end: number][] =>
  Array.from({ length: Math.ceil(length / size) }, (_, i) => [i * size, Math.min((i + 1) * size, length)])
