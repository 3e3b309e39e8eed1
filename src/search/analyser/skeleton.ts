import { foldText } from './fold.ts'
import { formOf, runsOf } from './words.ts'

/** Letters that look like others once case and marks are gone: Cyrillic and Greek ones as Latin, and what is read alike in most typefaces. */
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  'а a в b с c ԁ d е e һ h і i ј j к k ӏ l м m н h о o р p ԛ q г r ѕ s т t у y ѵ v ԝ w х x з 3 б 6 α a β b ε e η n ι i κ k ν v ο o ρ p σ o τ t υ u χ x ω w 0 o 1 l'.split(' ').reduce<[string, string][]>((pairs, letter, i, all) => (i % 2 === 0 ? [...pairs, [letter, all[i + 1]!]] : pairs), [])
)

/** What two names have in common that a reader may take for the same at a glance; nothing is searched by it. */
export const skeletonOf = (name: string): string => formOf(runsOf(Array.from(foldText(name), (character) => LOOK_ALIKES.get(character) ?? character).join('').replaceAll('rn', 'm').replaceAll('vv', 'w')))
