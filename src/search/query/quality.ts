import type { ProfileDocument } from '../../profile/document.ts'
import { viewAttribute } from '../../profile/view.ts'
import { foldText } from '../analyser/fold.ts'
import { runsOf } from '../analyser/words.ts'

const ORDINARY = 100
const WITH_PICTURE = 50
const AT_A_HOME = 50

/**
 * What an index of this program thinks of a profile: it decides only among profiles that match equally well. 0 to 255.
 *
 * A picture and a home that accepts it speak for it. A name in which one word mixes look-alike letters of several scripts, or that says a word three times, has 0.
 *
 * @param options `accepted`: a home's acceptance in the document was verified
 */
export const qualityOf = ({ attrs }: ProfileDocument, { accepted }: { accepted: boolean }): number => {
  if (typeof attrs.name === 'string' && (mixesScripts(attrs.name) || repeatsWords(attrs.name))) return 0
  const hasPicture = attrs.avatar !== undefined && 'value' in viewAttribute('avatar', attrs.avatar)
  return ORDINARY + (hasPicture ? WITH_PICTURE : 0) + (accepted ? AT_A_HOME : 0)
}

/** Whether a word of `text` has letters of more than one of Latin, Greek and Cyrillic, whose letters look alike. */
export const mixesScripts = (text: string): boolean =>
  foldText(text).split(/[^\p{L}\p{M}]+/u).some((word) => LOOK_ALIKES.filter((script) => script.test(word)).length > 1)

/** Whether a word stands three times in `text`; people bear one twice. */
const repeatsWords = (text: string): boolean => {
  const counts = new Map<string, number>()
  for (const { text: word } of runsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return Math.max(0, ...counts.values()) > 2
}

const LOOK_ALIKES = [/[a-z\u00c0-\u024f]/, /[\u0370-\u03ff]/, /[\u0400-\u052f]/]
