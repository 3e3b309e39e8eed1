/** Profiles as vCards, for address books: what maps to what stands in docs/vcard.md. */
export { InvalidVcardError } from './vcard/invalid-vcard.ts'
export { formatVcard, type FormattedVcard, type FormatVcardOptions } from './vcard/format.ts'
export { MAX_VCARD_BYTES, isVcard, parseVcard, type ParsedVcard } from './vcard/parse.ts'
export { MAX_VCARD_PROPERTIES } from './vcard/content-line.ts'
export type { VcardPhoto } from './vcard/photo.ts'
