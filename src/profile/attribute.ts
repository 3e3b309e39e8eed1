import { MAX_ATTRIBUTE_KEY_LENGTH } from '../limits.ts'

const ATTRIBUTE_KEY = /^[a-z0-9._/-]+$/
const LANGUAGE_TAG = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/
export const LINK_SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'mailto', 'tel', 'xmpp', 'matrix', 'ipfs', 'ipns', 'mercury'])

/** Whether `key` is an attribute key: 1 to 64 of `a-z 0-9 . _ - /`. */
export const isAttributeKey = (key: string): boolean => key.length <= MAX_ATTRIBUTE_KEY_LENGTH && ATTRIBUTE_KEY.test(key)

/** Whether `url` has a scheme that a profile may link to; never `javascript:` or `data:`. */
export const hasLinkScheme = (url: string): boolean => LINK_SCHEMES.has(/^([a-z][a-z0-9+.-]*):./i.exec(url)?.[1]?.toLowerCase() ?? '')

/** Whether `text` holds what a name must not: C0, DEL and C1 controls, or U+202A-202E and U+2066-2069, which reorder what stands beside it. */
export const hasControls = (text: string): boolean => /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text)

/** Whether `text` looks like a BCP 47 language tag: a subtag of 2 to 8 letters, then subtags of 1 to 8 letters and digits; 64 characters in all. */
export const isLanguageTag = (text: string): boolean => text.length <= MAX_LANGUAGE_TAG_LENGTH && LANGUAGE_TAG.test(text)

export const MAX_LANGUAGE_TAG_LENGTH = 64
export const MAX_LINKS = 64
export const MAX_URL_BYTES = 2_048
export const MAX_MEDIA_TYPE_BYTES = 128
export const MICRODEGREES = 1_000_000
/** Half the circumference of the earth, and some. */
export const MAX_PRECISION_METRES = 20_100_000
