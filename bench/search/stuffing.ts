import type { Script } from './populations.ts'
import { pick, type Random } from './sampler.ts'

/** How a profile tries to be found for another's name. `lookalike`: the same name to the eye, spelled with letters of another script. */
export const STUFFING_KINDS = ['bio', 'tags', 'name', 'everywhere', 'lookalike'] as const
export type StuffingKind = (typeof STUFFING_KINDS)[number]

export interface Stuffing {
  /** Index of the profile whose name it repeats. */
  readonly target: number
  readonly how: StuffingKind
}

export interface StuffedParts {
  readonly name: string
  readonly bio: string
  readonly tags: readonly string[]
  readonly stuffs: Stuffing
}

const MAX_NAME_BYTES = 250
const MAX_TAGS = 32
/** Of the bio: with everything else the document must stay under 4,096 bytes, or no index takes it. */
const BIO_BYTES = 1_500
const LURES = ['official', 'real', 'verified', 'best', 'contact', 'music', 'photography']

/** Latin letters with a Cyrillic one that looks the same. */
const LOOKALIKES: ReadonlyMap<string, string> = new Map([['a', 'а'], ['e', 'е'], ['o', 'о'], ['c', 'с'], ['p', 'р'], ['x', 'х'], ['y', 'у'], ['A', 'А'], ['E', 'Е'], ['O', 'О'], ['C', 'С'], ['P', 'Р'], ['B', 'В'], ['H', 'Н'], ['K', 'К'], ['M', 'М'], ['T', 'Т']])

/** What a stuffed profile puts in the place of its own. */
export const createStuffing = ({ target, name, script, ownName, random }: { target: number; name: string; script: Script; ownName: string; random: Random }): StuffedParts => {
  const kinds = script === 'latin' ? STUFFING_KINDS : STUFFING_KINDS.filter((kind) => kind !== 'lookalike')
  const how = pick(kinds, random)
  const everywhere = how === 'everywhere'
  const tags = Array.from({ length: MAX_TAGS - 1 }, (_, i) => (i < LURES.length ? LURES[i]! : `${name} ${i}`)).filter((tag) => Buffer.byteLength(tag) <= 64)
  return {
    stuffs: { target, how },
    name: how === 'lookalike' ? disguise(name) : how === 'name' || everywhere ? repeat(`${name} `, MAX_NAME_BYTES).trim() : ownName,
    bio: how === 'bio' || everywhere || how === 'lookalike' ? repeat(`${name}. `, BIO_BYTES) : '',
    tags: how === 'tags' || everywhere ? [...(Buffer.byteLength(name) <= 64 ? [name] : []), ...tags] : []
  }
}

const repeat = (text: string, maxBytes: number): string => text.repeat(Math.max(1, Math.floor(maxBytes / Buffer.byteLength(text))))

const disguise = (name: string): string => {
  const letters = Array.from(name)
  const at = letters.findIndex((letter) => LOOKALIKES.has(letter))
  return letters.map((letter, i) => (i === at ? LOOKALIKES.get(letter)! : letter)).join('')
}
