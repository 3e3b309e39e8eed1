import { foldText } from './fold.ts'
import { formOf, runsOf } from './words.ts'

/** Letters that look like others, before and after case and marks are gone: capitals of Greek and Cyrillic as those of Latin, and what is read alike in most typefaces. */
const CAPITALS = lookAlikes('А A В B Е E К K М M Н H О O Р P С C Т T У Y Х X Ѕ S І I Ј J Α A Β B Ε E Ζ Z Η H Ι I Κ K Μ M Ν N Ο O Ρ P Τ T Υ Y Χ X I l')
const SMALL = lookAlikes('а a с c ԁ d е e һ h і l ј j ӏ l о o р p ԛ q ѕ s у y ѵ v ԝ w х x з 3 б 6 α a ε e ι l κ k ν v ο o ρ p σ o τ t υ u χ x ω w 0 o 1 l i l')

/** What two names have in common that a reader may take for the same at a glance; nothing is searched by it. */
export const skeletonOf = (name: string): string =>
  formOf(runsOf(replaced(foldText(replaced(name, CAPITALS)), SMALL).replaceAll('rn', 'm').replaceAll('vv', 'w')))

const replaced = (text: string, by: ReadonlyMap<string, string>): string => Array.from(text, (character) => by.get(character) ?? character).join('')

function lookAlikes (pairs: string): ReadonlyMap<string, string> {
  const letters = pairs.split(' ')
  return new Map(letters.flatMap((letter, i) => (i % 2 === 0 ? [[letter, letters[i + 1]!] as const] : [])))
}
