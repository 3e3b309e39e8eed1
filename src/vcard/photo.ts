import { base64 } from 'multiformats/bases/base64'
import { checkLimit } from '../errors.ts'
import { MAX_AVATAR_BYTES } from '../limits.ts'
import { unescapeUri, type ContentLine } from './content-line.ts'
import { InvalidVcardError } from './invalid-vcard.ts'

/** A picture that stands in a vCard. */
export interface VcardPhoto {
  /** 1 byte to 1 MiB. */
  readonly bytes: Uint8Array
  /** Media type, `image/…`. */
  readonly type: string
}

const IMAGE_TYPE = /^image\/[a-z0-9.+-]{1,100}$/
/** What stands before the data of a `data:` URI. */
const MAX_DATA_HEAD_LENGTH = 256

/** Whether `type` can stand in a `data:` URI as that of a picture. */
export const isImageType = (type: string): boolean => IMAGE_TYPE.test(type)

/** @see https://www.rfc-editor.org/rfc/rfc2397 */
export const formatPhoto = ({ bytes, type }: VcardPhoto): string => `data:${type};base64,${pad(base64.baseEncode(bytes))}`

/**
 * The picture of a `PHOTO`: a `data:` URI as in version 4.0, or base64 as in 3.0. Undefined where it is elsewhere, or of no stated type: nothing is fetched.
 *
 * @throws LimitError over 1 MiB, InvalidVcardError
 */
export const parsePhoto = ({ parameters, value }: ContentLine): VcardPhoto | undefined => {
  if (/^data:/i.test(value)) return parseDataUri(unescapeUri(value))
  if (!['b', 'base64'].includes(parameters.get('ENCODING')?.[0]?.toLowerCase() ?? '')) return undefined
  return decode(typeOf(parameters.get('MEDIATYPE') ?? parameters.get('TYPE')), value)
}

const parseDataUri = (uri: string): VcardPhoto | undefined => {
  const comma = uri.slice(0, MAX_DATA_HEAD_LENGTH).indexOf(',')
  const [type, ...more] = uri.slice('data:'.length, Math.max(comma, 0)).split(';')
  if (more.at(-1)?.toLowerCase() !== 'base64') return undefined
  return decode(typeOf([type!]), uri.slice(comma + 1))
}

/** Version 3.0 says `JPEG` for `image/jpeg`. */
const typeOf = (values: readonly string[] = []): string | undefined =>
  values.map((value) => value.toLowerCase()).map((value) => (value.includes('/') ? value : `image/${value === 'jpg' ? 'jpeg' : value}`)).find(isImageType)

const decode = (type: string | undefined, value: string): VcardPhoto | undefined => {
  const digits = unpad(value.replace(/[ \t]/g, ''))
  if (type === undefined || digits === '') return undefined
  checkLimit('photo bytes', MAX_AVATAR_BYTES, Math.floor((digits.length * 3) / 4))
  try {
    return { bytes: base64.baseDecode(digits), type }
  } catch (error) {
    throw new InvalidVcardError('its PHOTO is not base64', { cause: error })
  }
}

const pad = (digits: string): string => digits.padEnd(Math.ceil(digits.length / 4) * 4, '=')

const unpad = (digits: string): string => {
  let end = digits.length
  while (digits[end - 1] === '=') end--
  return digits.slice(0, end)
}
