import { allLocales } from '@faker-js/faker'
import { createZipfSampler, type Sampler } from './sampler.ts'

/** What people write under tags, and which words are in their bios. */

const COMMON = ('music photography travel cooking reading hiking gaming football art coffee yoga cycling gardening film running cats dogs chess sailing botany astronomy radio bread maps choir knitting climbing '
  + 'surfing skiing swimming dancing painting drawing pottery theatre poetry history philosophy linguistics typography design architecture woodworking sewing fishing birdwatching beekeeping baking tea wine '
  + 'beer running fitness tennis basketball volleyball cricket rugby judo karate fencing archery sculpture jazz opera piano guitar violin drums podcasts comics anime manga cosplay robotics electronics '
  + 'programming rust javascript python linux mathematics physics chemistry biology geology medicine nursing teaching law journalism translation volunteering parenting minimalism meditation camping caving '
  + 'kayaking diving paragliding motorcycles trains aviation origami calligraphy magic puzzles crosswords genealogy numismatics philately vintage recycling permaculture mushrooms houseplants').split(' ')

const LOCAL: Readonly<Record<string, string>> = {
  es: 'música fotografía viajes cocina fútbol lectura senderismo jardinería ajedrez poesía',
  fr: 'musique photographie voyage cuisine randonnée lecture jardinage échecs théâtre vélo',
  de: 'musik fotografie reisen kochen wandern lesen garten schach bücher fußball',
  it: 'musica fotografia viaggi cucina calcio lettura escursionismo vino',
  pt: 'música fotografia viagens culinária futebol leitura praia violão',
  pl: 'muzyka fotografia podróże gotowanie piłka książki góry żeglarstwo',
  cs: 'hudba fotografie cestování vaření turistika čtení šachy houbaření',
  tr: 'müzik fotoğraf seyahat yemek futbol kitap satranç bağlama',
  vi: 'âm nhạc;nhiếp ảnh;du lịch;nấu ăn;bóng đá;đọc sách',
  ru: 'музыка фотография путешествия кулинария футбол книги шахматы ботаника',
  uk: 'музика фотографія подорожі кулінарія футбол книги шахи',
  el: 'μουσική φωτογραφία ταξίδια μαγειρική ποδόσφαιρο βιβλία',
  ar: 'موسيقى تصوير سفر طبخ كرة قراءة شعر شطرنج',
  fa: 'موسیقی عکاسی سفر آشپزی فوتبال کتاب شعر شطرنج',
  he: 'מוזיקה צילום טיולים בישול כדורגל ספרים שחמט',
  hi: 'संगीत फोटोग्राफी यात्रा खाना क्रिकेट किताबें शतरंज योग',
  ja: '音楽 写真 旅行 料理 サッカー 読書 登山 将棋 アニメ 園芸',
  ko: '음악 사진 여행 요리 축구 독서 등산 바둑 커피',
  zh: '音乐 摄影 旅行 美食 足球 阅读 登山 围棋 茶',
  'zh-TW': '音樂 攝影 旅行 美食 棒球 閱讀 登山 圍棋 茶',
  th: 'ดนตรี ถ่ายภาพ ท่องเที่ยว ทำอาหาร ฟุตบอล อ่านหนังสือ'
}

const { en } = allLocales
const ENGLISH_TAGS = [...new Set([...COMMON, ...listOf(en.music?.genre), ...listOf(en.person?.job_area), ...listOf(en.food?.fruit), ...listOf(en.food?.spice), ...listOf(en.book?.genre)].map((tag) => tag.toLowerCase()))]
const ENGLISH_WORDS = [...new Set([en.word?.noun, en.word?.verb, en.word?.adjective, en.word?.adverb, en.word?.preposition, en.word?.conjunction].flatMap(listOf))]

function listOf (list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((entry): entry is string => typeof entry === 'string') : []
}

const englishTags = createZipfSampler(ENGLISH_TAGS, { exponent: 1 })
const localTags = new Map(Object.entries(LOCAL).map(([lang, tags]) => [lang, createZipfSampler(tags.split(tags.includes(';') ? ';' : ' '), { exponent: 0.8 })]))
const englishWords = createZipfSampler(ENGLISH_WORDS, { exponent: 1, seed: 12 })

/** A tag as people of this language write it: often in English. */
export const sampleTag = (lang: string, random: () => number): string => {
  const local = localTags.get(lang)
  return local && random() < 0.6 ? local(random) : englishTags(random)
}

export interface BioWords {
  readonly word: Sampler<string>
  /** What is between two of them. */
  readonly space: string
}

/** Words of a locale's bios, English ones where it has too few in its own script. */
export const createBioWords = (locale: keyof typeof allLocales, pattern: RegExp, space: string): BioWords => {
  const { word = {}, lorem } = allLocales[locale] as { word?: Record<string, unknown>; lorem?: { word?: unknown } }
  const words = [...new Set([...Object.values(word).flatMap(listOf), ...listOf(lorem?.word)])].filter((entry) => pattern.test(entry))
  return locale === 'en' || words.length < 40 ? { word: englishWords, space: ' ' } : { word: createZipfSampler(words, { exponent: 1, seed: 13 }), space }
}
