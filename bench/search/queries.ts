import type { QueryFilters } from '../../src/search/query/query.ts'
import { seededRandom } from '../profiles.ts'
import { NICKNAMES } from './nicknames.ts'
import { foldText, foldedWords, formOf, isUnspaced, metresBetween, typedWords, withoutJoiners, type Person } from './people.ts'
import { SCRIPTS, type Script } from './populations.ts'
import { pick, type Random } from './sampler.ts'
import { TYPING_ERRORS, mistype } from './typing-errors.ts'

/** A query as somebody would ask it, and who they would be content to find. */
export interface KnownQuery {
  readonly kind: string
  readonly script: Script
  readonly text: string
  readonly filters: QueryFilters
  /** Whether this profile is what was asked for: the one that the query was made of, or one that it fits as well, as all do who have the same name. */
  isAnswer(index: number): boolean
}

type Draft = Omit<KnownQuery, 'kind' | 'script' | 'filters'> & { readonly filters?: QueryFilters }

/** Makes a query for this person; `undefined` where it cannot be made of them. */
type Maker = (person: Person, random: Random) => Draft | undefined

const SEED = 66
/** Of each kind so many are asked, where so many can be made. */
const LATIN_QUERIES = 90
const OTHER_QUERIES = 10
/** Draws before a kind gives up: few people have a nickname, or a rare surname. */
const MAX_DRAWS = 60_000
const RADIUS_METRES = 25_000

/** Queries with their answers among `people`, the same for the same people. */
export const createQueries = (people: readonly Person[]): readonly KnownQuery[] => {
  const makers = makersFor(people)
  return Object.entries(makers).flatMap(([kind, make], i) => queriesOf(kind, make, people, seededRandom(SEED + i)))
}

const queriesOf = (kind: string, make: Maker, people: readonly Person[], random: Random): KnownQuery[] => {
  const queries: KnownQuery[] = []
  const seen = new Set<string>()
  const left = new Map(SCRIPTS.map((script) => [script, script === 'latin' ? LATIN_QUERIES : OTHER_QUERIES]))
  for (let draws = 0; draws < MAX_DRAWS; draws++) {
    const person = pick(people, random)
    const { script, stuffs } = person.profile
    if (stuffs && kind !== 'stuffed') continue
    if (left.get(script)! <= 0) continue
    const draft = make(person, random)
    if (!draft) continue
    const key = JSON.stringify([draft.text, draft.filters])
    if (seen.has(key)) continue
    seen.add(key)
    left.set(script, left.get(script)! - 1)
    queries.push({ kind, script, filters: {}, ...draft })
  }
  return queries
}

const makersFor = (people: readonly Person[]): Record<string, Maker> => {
  const named = groupBy(people, ({ form }) => [form])
  const beginnings = new Set<string>()
  const byWord = groupBy(people, ({ words, profile: { script } }) => (isUnspaced(script) ? [] : words))
  for (const word of byWord.keys()) for (let length = 1; length <= word.length; length++) beginnings.add(word.slice(0, length))
  const holds = (index: number, test: (person: Person) => boolean): boolean => test(people[index]!)
  const isNamed = (form: string) => (index: number): boolean => people[index]!.form === form
  /** All who have every one of these words in their name. */
  const withWords = (words: readonly string[]): readonly Person[] =>
    (byWord.get(words.reduce((rarest, word) => ((byWord.get(word)?.length ?? 0) < (byWord.get(rarest)?.length ?? 0) ? word : rarest))) ?? []).filter((person) => words.every((word) => person.words.includes(word)))
  /** Whether somebody has the one word, and one that begins with the other. */
  const isBeginningOf = (beginning: string, word: string): boolean => withWords([word]).some((person) => person.words.some((other) => other.startsWith(beginning)))
  const whole = ({ profile: { name }, words }: Person): boolean => words.length >= 2 && name.length <= 60

  const misspelled = (error: (typeof TYPING_ERRORS)[number]): Maker => (person, random) => {
    if (isUnspaced(person.profile.script) || person.profile.script === 'thai' || !whole(person)) return undefined
    const words = mistype(typedWords(person.profile.name), error, random)
    // A name that somebody has is no error.
    if (!words || withWords(words.map(withoutJoiners)).length > 0) return undefined
    return { text: words.join(' '), isAnswer: isNamed(person.form) }
  }

  return {
    exact: (person) => (person.words.length >= 2 || isUnspaced(person.profile.script) ? { text: person.profile.name, isAnswer: isNamed(person.form) } : undefined),
    'half a name': (person, random) => {
      const { words, profile: { script, name } } = person
      if (isUnspaced(script)) {
        const letters = Array.from(words.join(''))
        if (letters.length < 3 || /\d/.test(name)) return undefined
        const text = letters.slice(0, -1).join('')
        return { text, isAnswer: (index) => holds(index, (other) => other.words.join('').includes(text)) }
      }
      if (!whole(person)) return undefined
      const last = Array.from(words.at(-1)!)
      const half = last.slice(0, Math.max(2, Math.ceil(last.length / 2))).join('')
      if (Array.from(half).length < 2 || half === words.at(-1)) return undefined
      const given = random() < 0.7 ? words.slice(0, -1) : []
      if (given.length === 0 && Array.from(half).length < 3) return undefined
      return {
        text: [...given, half].join(' '),
        isAnswer: (index) => holds(index, (other) => given.every((word) => other.words.includes(word)) && other.words.some((word) => word.startsWith(half)))
      }
    },
    'one word': ({ words, profile: { script, person: { given, surname } } }, random) => {
      if (isUnspaced(script)) {
        const text = script === 'japanese' ? surname : given
        return Array.from(text).length < 2 ? undefined : { text, isAnswer: (index) => holds(index, (other) => other.words.join('').includes(foldText(text))) }
      }
      const word = pick(words, random)
      return word.length < 3 ? undefined : { text: word, isAnswer: (index) => holds(index, (other) => other.words.includes(word)) }
    },
    ...Object.fromEntries(TYPING_ERRORS.map((error) => [`typo: ${error}`, misspelled(error)])),
    'typo: one word': (person, random) => {
      const { words, profile: { script } } = person
      if (isUnspaced(script) || script === 'thai') return undefined
      const word = words.at(-1)!
      const wrong = mistype([word], pick(TYPING_ERRORS, random), random)?.[0]
      // Who writes the beginning of a name may mean that one.
      if (wrong === undefined || beginnings.has(wrong)) return undefined
      return { text: wrong, isAnswer: (index) => holds(index, (other) => other.words.includes(word)) }
    },
    'without accents': (person) => {
      const { profile: { name, script }, form } = person
      const text = name.normalize('NFKD').replace(/\p{M}/gu, '').replace(/[łŁøØđĐßæÆœŒı]/g, (letter) => ASCII[letter]!)
      return script !== 'latin' && script !== 'greek' && script !== 'cyrillic' || text === name.normalize('NFKD') || !whole(person) ? undefined : { text, isAnswer: isNamed(form) }
    },
    'other order': (person, random) => {
      const { form, profile: { script, name } } = person
      if (isUnspaced(script) || !whole(person)) return undefined
      const words = typedWords(name)
      return { text: random() < 0.5 ? `${words.at(-1)}, ${words.slice(0, -1).join(' ')}` : [...words].reverse().join(' '), isAnswer: isNamed(form) }
    },
    nickname: ({ words, profile: { lang } }, random) => {
      const named = NICKNAMES.filter(([, given]) => given.toLowerCase() === words[0])
      if (lang !== 'en' || words.length !== 2 || named.length === 0) return undefined
      const [nickname] = pick(named, random)
      const short = nickname.toLowerCase()
      const surname = words[1]!
      // Of a surname that few have, the rest of the query does not matter; and whoever is called so, or so and longer, is meant.
      if (withWords([surname]).length < 4 || isBeginningOf(short, surname) || isBeginningOf(surname, short)) return undefined
      const meant = NICKNAMES.filter(([other]) => other === nickname).map(([, given]) => given.toLowerCase())
      return { text: `${nickname} ${surname}`, isAnswer: (index) => holds(index, (other) => other.words.includes(surname) && meant.some((given) => other.words.includes(given))) }
    },
    'other spacing': ({ form, words, profile: { script, name, person: { given, surname } } }) => {
      // Who has no key for the joiner of Persian types a space.
      if (name.includes('\u200c')) return { text: name.replaceAll('\u200c', ' '), isAnswer: isNamed(form) }
      if (!isUnspaced(script) || words.join('') !== foldText(surname + given)) return undefined
      return { text: words.length > 1 ? `${surname}${given}` : `${surname} ${given}`, isAnswer: isNamed(form) }
    },
    'name and place': ({ words, profile: { script, place } }, random) => {
      if (place === undefined || isUnspaced(script) || foldedWords(place).length !== 1) return undefined
      const word = pick(words, random)
      if (word.length < 3) return undefined
      const at = foldText(place)
      return { text: `${word} ${place}`, isAnswer: (index) => holds(index, (other) => other.words.includes(word) && other.profile.place !== undefined && foldText(other.profile.place) === at) }
    },
    'name and bio': ({ words, profile: { script, bio } }, random) => {
      if (isUnspaced(script) || script === 'thai') return undefined
      const [word, about] = [pick(words, random), pick(foldedWords(bio).filter(({ length }) => length > 4), random)]
      if (word.length < 3 || about === undefined || words.includes(about)) return undefined
      return { text: `${word} ${about}`, isAnswer: (index) => holds(index, (other) => isAbout(other, word) && foldedWords(other.profile.bio).includes(about)) }
    },
    tag: ({ profile: { tags } }, random) => {
      const tag = pick(tags, random)
      return tag === undefined ? undefined : { text: '', filters: { tags: [tag] }, isAnswer: (index) => holds(index, (other) => hasTag(other, tag)) }
    },
    'tag as text': ({ profile: { tags } }, random) => {
      const tag = pick(tags, random)
      return tag === undefined || tag.length < 3 ? undefined : { text: tag, isAnswer: (index) => holds(index, (other) => [other.profile.name, ...other.profile.tags].some((text) => foldedWords(tag).every((word) => foldedWords(text).includes(word)))) }
    },
    'name and tag': ({ words, profile: { script, tags, name } }, random) => {
      const tag = pick(tags, random)
      if (tag === undefined) return undefined
      const word = isUnspaced(script) ? name : pick(words, random)
      if (word.length < 2) return undefined
      return { text: word, filters: { tags: [tag] }, isAnswer: (index) => holds(index, (other) => hasTag(other, tag) && hasWord(other, word)) }
    },
    near: ({ profile: { location, city: { lat, lon } } }) => {
      const near = { lat, lon, radiusMetres: RADIUS_METRES }
      return location && metresBetween(location, near) <= RADIUS_METRES ? { text: '', filters: { near }, isAnswer: (index) => holds(index, (other) => isNear(other, near)) } : undefined
    },
    'name and near': ({ words, profile: { script, name, location, city: { lat, lon } } }, random) => {
      const near = { lat, lon, radiusMetres: RADIUS_METRES }
      const word = isUnspaced(script) ? name : pick(words, random)
      if (word.length < 2 || !location || metresBetween(location, near) > RADIUS_METRES) return undefined
      return { text: word, filters: { near }, isAnswer: (index) => holds(index, (other) => isNear(other, near) && hasWord(other, word)) }
    },
    'name and kind': ({ words, profile: { script, name, kind } }, random) => {
      const word = isUnspaced(script) ? name : pick(words, random)
      if (word.length < 2 || kind === 'persona') return undefined
      return { text: word, filters: { kind }, isAnswer: (index) => holds(index, (other) => other.profile.kind === kind && hasWord(other, word)) }
    },
    stuffed: ({ profile: { stuffs } }) => {
      const target = stuffs && people[stuffs.target]!
      if (!target || target.profile.stuffs || (target.words.length < 2 && !isUnspaced(target.profile.script))) return undefined
      return { text: target.profile.name, isAnswer: (index) => named.get(target.form)!.includes(people[index]!) && !people[index]!.profile.stuffs }
    }
  }
}

const ASCII: Readonly<Record<string, string>> = { ł: 'l', Ł: 'L', ø: 'o', Ø: 'O', đ: 'd', Đ: 'D', ß: 'ss', æ: 'ae', Æ: 'AE', œ: 'oe', Œ: 'OE', ı: 'i' }

const hasTag = ({ profile: { tags } }: Person, tag: string): boolean => tags.some((other) => foldText(other) === foldText(tag))

const hasWord = (person: Person, word: string): boolean => (isUnspaced(person.profile.script) ? person.words.join('').includes(formOf(foldedWords(word), person.profile.script)) : person.words.includes(foldText(word)))

/** Somebody called Paris, or from there. */
const isAbout = ({ words, profile: { place = '', tags } }: Person, word: string): boolean => words.includes(word) || [place, ...tags].some((text) => foldedWords(text).includes(word))

const isNear = ({ profile: { location } }: Person, near: { lat: number; lon: number; radiusMetres: number }): boolean => location !== undefined && metresBetween(location, near) <= near.radiusMetres

const groupBy = <T>(items: readonly T[], keysOf: (item: T) => readonly string[]): ReadonlyMap<string, readonly T[]> => {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    for (const key of new Set(keysOf(item))) {
      const group = groups.get(key)
      if (group) group.push(item)
      else groups.set(key, [item])
    }
  }
  return groups
}
