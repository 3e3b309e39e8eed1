import { MAX_ATTRIBUTE_KEY_LENGTH } from '../limits.ts'

const ATTRIBUTE_KEY = /^[a-z0-9._/-]+$/
export const LINK_SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'mailto', 'tel', 'xmpp', 'matrix', 'ipfs', 'ipns', 'mercury'])

/** Whether `key` is an attribute key: 1 to 64 of `a-z 0-9 . _ - /`. */
export const isAttributeKey = (key: string): boolean => key.length <= MAX_ATTRIBUTE_KEY_LENGTH && ATTRIBUTE_KEY.test(key)

/** Whether `url` has a scheme that a profile may link to; never `javascript:` or `data:`. */
export const hasLinkScheme = (url: string): boolean => LINK_SCHEMES.has(/^([a-z][a-z0-9+.-]*):./i.exec(url)?.[1]?.toLowerCase() ?? '')

export const MAX_LINKS = 64
export const MAX_URL_BYTES = 2_048
export const MAX_MEDIA_TYPE_BYTES = 128
export const MICRODEGREES = 1_000_000
