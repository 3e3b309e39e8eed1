import { allLocales } from '@faker-js/faker'
import { CITIES_BY_LANGUAGE, type City } from './cities.ts'
import { createBioWords, type BioWords } from './interests.ts'
import { createSampler, createZipfSampler, type Random, type Sampler } from './sampler.ts'
import { readCensusNames } from './us-names.ts'

export const SCRIPTS = ['latin', 'cyrillic', 'greek', 'arabic', 'hebrew', 'devanagari', 'georgian', 'armenian', 'japanese', 'hangul', 'han', 'thai'] as const
export type Script = (typeof SCRIPTS)[number]

export interface PersonName {
  readonly given: string
  readonly surname: string
  /** As this person writes it. */
  readonly full: string
}

/** People who share a language. */
export interface Population {
  /** BCP 47. */
  readonly lang: string
  readonly script: Script
  readonly name: Sampler<PersonName>
  readonly city: Sampler<City>
  readonly bioWords: BioWords
}

interface Origin {
  lang: string
  locale: keyof typeof allLocales
  script: Script
  /** Out of all profiles, in parts that need not sum to anything. */
  share: number
  /** Of the people, have a surname that is in no list. */
  rareSurnames?: number
  /** The most frequent surnames with their percentages, where a few make up most. */
  heads?: string
  write?(parts: { given: string; surname: string; random: Random; draw: NameDraw }): string
  given?(listed: string, random: Random, draw: NameDraw): string
}

/** Further names from the same lists. */
interface NameDraw {
  given(): string
  surname(): string
}

/** Share of people with a surname outside the census's list. */
const RARE_US_SURNAMES = 0.095

const western = ({ given, surname }: { given: string; surname: string }): string => `${given} ${surname}`
const surnameFirst = ({ given, surname }: { given: string; surname: string }): string => `${surname} ${given}`
const joined = ({ given, surname }: { given: string; surname: string }): string => `${surname}${given}`

/** Many Chinese and Korean given names are two characters that the parents chose: no list has them all. */
const freelyCombined = (share: number) => (listed: string, random: Random, draw: NameDraw): string => {
  if (random() >= share) return listed
  const [first, second] = [Array.from(listed), Array.from(draw.given())]
  return random() < 0.15 ? first[0]! : `${first[0]}${second.at(-1)}`
}

const slavic: Origin['write'] = ({ given, surname, random }) => (random() < 0.15 ? `${surname} ${given}` : `${given} ${surname}`)
const iberian: Origin['write'] = ({ given, surname, random, draw }) => (random() < 0.55 ? `${given} ${surname} ${draw.surname()}` : `${given} ${surname}`)

const ORIGINS: readonly Origin[] = [
  {
    lang: 'en', locale: 'en', script: 'latin', share: 34, rareSurnames: RARE_US_SURNAMES,
    write: ({ given, surname, random, draw }) => {
      const family = random() < 0.03 ? `${surname}-${draw.surname()}` : surname
      const form = random()
      if (form < 0.12) return `${given} ${String.fromCharCode(65 + Math.floor(random() * 26))}. ${family}`
      return form < 0.18 ? `${given} ${draw.given()} ${family}` : `${given} ${family}`
    }
  },
  { lang: 'es', locale: 'es', script: 'latin', share: 8, write: iberian },
  { lang: 'fr', locale: 'fr', script: 'latin', share: 4, write: ({ given, surname, random, draw }) => (random() < 0.1 ? `${given}-${draw.given()} ${surname}` : `${given} ${surname}`) },
  { lang: 'de', locale: 'de', script: 'latin', share: 4 },
  { lang: 'it', locale: 'it', script: 'latin', share: 2 },
  { lang: 'pt', locale: 'pt_PT', script: 'latin', share: 3, write: iberian },
  { lang: 'pl', locale: 'pl', script: 'latin', share: 2.5 },
  { lang: 'cs', locale: 'cs_CZ', script: 'latin', share: 1.5 },
  { lang: 'tr', locale: 'tr', script: 'latin', share: 3 },
  { lang: 'vi', locale: 'vi', script: 'latin', share: 3, write: surnameFirst, heads: 'Nguyễn:31.5 Trần:10.9 Lê:8.9 Phạm:5.9 Hoàng:5.1 Phan:2.8 Vũ:2.5 Đặng:2.1 Bùi:2 Đỗ:1.9 Hồ:1.7 Ngô:1.6 Dương:1.5 Lý:1.4' },
  { lang: 'hu', locale: 'hu', script: 'latin', share: 1, write: surnameFirst },
  { lang: 'ro', locale: 'ro', script: 'latin', share: 1 },
  { lang: 'sv', locale: 'sv', script: 'latin', share: 1 },
  { lang: 'id', locale: 'id_ID', script: 'latin', share: 1.5 },
  { lang: 'ru', locale: 'ru', script: 'cyrillic', share: 5, write: slavic },
  { lang: 'uk', locale: 'uk', script: 'cyrillic', share: 1.5, write: slavic },
  { lang: 'mk', locale: 'mk', script: 'cyrillic', share: 0.5 },
  { lang: 'el', locale: 'el', script: 'greek', share: 1.5 },
  { lang: 'ar', locale: 'ar', script: 'arabic', share: 4 },
  { lang: 'fa', locale: 'fa', script: 'arabic', share: 2 },
  { lang: 'ur', locale: 'ur', script: 'arabic', share: 0.5 },
  { lang: 'he', locale: 'he', script: 'hebrew', share: 1 },
  { lang: 'hi', locale: 'ne', script: 'devanagari', share: 2 },
  { lang: 'ne', locale: 'ne', script: 'devanagari', share: 0.5 },
  { lang: 'ka', locale: 'ka_GE', script: 'georgian', share: 0.3 },
  { lang: 'hy', locale: 'hy', script: 'armenian', share: 0.3 },
  { lang: 'ja', locale: 'ja', script: 'japanese', share: 4, rareSurnames: 0, write: ({ given, surname, random }) => (random() < 0.7 ? `${surname} ${given}` : `${surname}${given}`) },
  { lang: 'ko', locale: 'ko', script: 'hangul', share: 3, rareSurnames: 0, write: joined, given: freelyCombined(0.4), heads: '김:21.5 이:14.7 박:8.4 최:4.7 정:4.3 강:2.4 조:2.1 윤:2.1 장:2 임:1.7 한:1.6 오:1.5 서:1.5 신:1.5 권:1.4 황:1.4 안:1.4 송:1.4 류:1.3 홍:1.1' },
  { lang: 'zh', locale: 'zh_CN', script: 'han', share: 7, rareSurnames: 0, write: joined, given: freelyCombined(0.7), heads: '王:7.1 李:7 张:6.7 刘:5.1 陈:4.5 杨:3 黄:2.3 赵:2.1 周:1.9 吴:1.8 徐:1.7 孙:1.5 胡:1.3 朱:1.3 高:1.2 林:1.2 何:1.2 郭:1.1 马:1 罗:1' },
  { lang: 'zh-TW', locale: 'zh_TW', script: 'han', share: 1.5, rareSurnames: 0, write: joined, given: freelyCombined(0.7), heads: '陳:11.1 林:8.3 黃:6 張:5.3 李:5.1 王:4.1 吳:4 劉:3.2 蔡:2.9 楊:2.7 許:2.3 鄭:1.9 謝:1.8 郭:1.5 洪:1.5' },
  // By law a Thai surname is of one family: there are nearly as many as families.
  { lang: 'th', locale: 'th', script: 'thai', share: 2, rareSurnames: 0.6 }
]

const HINDI_GIVEN = 'आरव अदिति अनीता अमित अर्जुन आशा ऋषि कविता किरण कृष्ण गीता दीपक दिव्या नेहा निशा पूजा प्रिया प्रकाश मनोज मीरा मोहन रवि राज राजेश राधा रमेश रेखा लक्ष्मी विजय विकास शिव श्याम संजय सीता सुनील सुनीता सुरेश स्नेहा हरि ज्योति'.split(' ')
const HINDI_SURNAMES = 'शर्मा वर्मा गुप्ता सिंह कुमार यादव मिश्रा पांडे तिवारी जोशी पटेल मेहता अग्रवाल चौहान ठाकुर त्रिपाठी श्रीवास्तव सक्सेना कपूर मल्होत्रा खन्ना चोपड़ा भाटिया राठौर दुबे शुक्ला द्विवेदी नायर जैन बंसल'.split(' ')

const CENSUS = readCensusNames()

const createPopulation = ({ lang, locale, script, rareSurnames = 0.08, heads, write = western, given: changeGiven }: Origin): Population => {
  const lists = listsOf(lang, locale)
  const genders = [0, 1].map((gender) => ({
    given: locale === 'en' ? (gender === 0 ? CENSUS.givenFemale : CENSUS.givenMale) : createZipfSampler(lists.given[gender]!, { exponent: 0.7, seed: 21 + gender }),
    surname: locale === 'en' ? CENSUS.surname : heads === undefined ? createZipfSampler(lists.surnames[gender]!, { exponent: 0.8, seed: 23 }) : withHeads(heads, lists.surnames[gender]!)
  }))
  const name = (random: Random): PersonName => {
    const gender = genders[random() < 0.5 ? 0 : 1]!
    const draw = { given: () => gender.given(random), surname: () => gender.surname(random) }
    const listed = draw.surname()
    const surname = random() < rareSurnames ? blend(listed, draw.surname()) : listed
    const given = changeGiven ? changeGiven(draw.given(), random, draw) : draw.given()
    return { given, surname, full: write({ given, surname, random, draw }) }
  }
  const cities = CITIES_BY_LANGUAGE.get(lang)!
  const isSpaced = script !== 'japanese' && script !== 'han' && script !== 'thai'
  return {
    lang,
    script,
    name,
    city: createSampler(cities, cities.map(({ people }) => people)),
    bioWords: createBioWords(locale, script === 'latin' ? /^[\p{Script=Latin}' -]+$/u : /^[^\p{Script=Latin}]+$/u, isSpaced ? ' ' : '')
  }
}

/** By gender, female first; names for any are in both. */
const listsOf = (lang: string, locale: keyof typeof allLocales): { given: readonly (readonly string[])[]; surnames: readonly (readonly string[])[] } => {
  if (lang === 'hi') return { given: [HINDI_GIVEN, HINDI_GIVEN], surnames: [HINDI_SURNAMES, HINDI_SURNAMES] }
  const { person = {} } = allLocales[locale] as { person?: { first_name?: GenderedNames; last_name?: GenderedNames } }
  const byGender = ({ generic, female, male }: GenderedNames = {}): string[][] => [female, male].map((own) => [...new Set([...(generic ?? []), ...(own ?? [])])])
  return { given: byGender(person.first_name), surnames: byGender(person.last_name) }
}

interface GenderedNames {
  readonly generic?: readonly string[] | null
  readonly female?: readonly string[] | null
  readonly male?: readonly string[] | null
}

const withHeads = (heads: string, listed: readonly string[]): Sampler<string> => {
  const known = heads.split(' ').map((entry) => entry.split(':') as [string, string])
  const others = listed.filter((surname) => !known.some(([name]) => name === surname))
  const left = 100 - known.reduce((sum, [, percent]) => sum + Number(percent), 0)
  return createSampler([...known.map(([name]) => name), ...others], [...known.map(([, percent]) => Number(percent)), ...others.map(() => left / others.length)])
}

/** A surname that is in no list but sounds like those that are: the beginning of one and the end of another. */
const blend = (one: string, other: string): string => {
  const [first, second] = [lettersOf(one), lettersOf(other)]
  return [...first.slice(0, Math.ceil(first.length / 2)), ...second.slice(Math.floor(second.length / 2))].join('')
}

/** With the marks on them. Not by `Intl`, which cuts some scripts otherwise from one version of Unicode to the next. */
const lettersOf = (text: string): readonly string[] => text.match(/\P{M}\p{M}*/gu) ?? []

const POPULATIONS = ORIGINS.map(createPopulation)

/** Where the next person is from. */
export const samplePopulation: Sampler<Population> = createSampler(POPULATIONS, ORIGINS.map(({ share }) => share))
