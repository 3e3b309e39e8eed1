import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { utf8Length } from '../../bytes.ts'
import { MercuryError } from '../../errors.ts'
import { addressOfUrl } from '../../hosting/home-address.ts'

/** What the value of a setting may be, wherever it comes from. */
export interface Form<T> {
  /** After the setting and "is": `a size such as 64MiB`. */
  readonly says: string
  /** `many`: given several times as an option, separated by spaces in the environment, a list in a file; `one or many`: in a file also without a list. */
  readonly count: 'one' | 'many' | 'one or many'
  /** In a file it may be a number too. */
  readonly number?: true
  /** @returns `undefined` for what it may not be; `folder` is where relative file names are from */
  read(texts: readonly string[], folder: string): T | undefined
}

/** Where the HTTP side listens; `none`: there is no HTTP side. */
export type HttpAddress = { readonly host: string; readonly port: number } | 'none'

const MAX_NAME_BYTES = 256

const one = <T>(says: string, read: (text: string, folder: string) => T | undefined, { number }: { number?: true } = {}): Form<T> =>
  ({ says, count: 'one', ...(number ? { number } : {}), read: ([text = ''], folder) => read(text, folder) })

const many = (says: string, isOne: (text: string) => boolean = () => true, count: 'many' | 'one or many' = 'many'): Form<readonly string[]> =>
  ({ says, count, read: (texts) => (texts.every(isOne) ? texts : undefined) })

export const httpAddress: Form<HttpAddress> = one('HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, or none', (text) => {
  if (text === 'none') return 'none'
  const [, host = '', port = ''] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(text) ?? []
  return host === '' || Number(port) > 65_535 ? undefined : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
})

export const urls = many('a URL of http or https, a host and a port alone, such as https://home.example', (text) => {
  try {
    addressOfUrl(text)
    return true
  } catch (error) {
    if (error instanceof MercuryError) return false
    throw error
  }
})

export const proxies = many('an IP address, or a network such as 10.0.0.0/8', (text) => {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && Number(bits ?? 0) <= (family === 6 ? 128 : 32)
})

export const multiaddrs = many('a list of multiaddrs')
export const places = many('a list of places')
export const placeOrPlaces = many('a place, or a list of places', undefined, 'one or many')
export const place = one('a place', (text) => text)
export const protocol = one('the name of a protocol', (text) => text)
export const file = one('the name of a file', (text, folder) => resolve(folder, text))
export const homeName = one(`a name of at most ${MAX_NAME_BYTES} bytes on one line`, (text) => (utf8Length(text) > MAX_NAME_BYTES || /\p{Cc}/u.test(text) ? undefined : text))

export const choice = <const T extends string>(values: readonly T[]): Form<T> => one(`one of ${values.join(', ')}`, (text) => values.find((value) => value === text))

export const wholeNumber = (max: number): Form<number> =>
  one(`a whole number from 1 to ${max}`, (text) => (/^[1-9]\d{0,15}$/.test(text) && Number(text) <= max ? Number(text) : undefined), { number: true })

const UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }
const MAX_SIZE = 2 ** 44

/** Bytes of a size such as `64MiB`, `1.5 GB` or `1000`; at most 16 TiB. @returns `undefined` for another text */
export const parseSize = (text: string): number | undefined => {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]{0,3})$/.exec(text) ?? []
  if (digits === undefined || !Object.hasOwn(UNITS, unit)) return undefined
  const bytes = Number(digits) * UNITS[unit]!
  return Number.isInteger(bytes) && bytes >= 1 && bytes <= MAX_SIZE ? bytes : undefined
}

/** A size as people write it, exactly where that is short. */
export const formatSize = (bytes: number): string => {
  const inBinary = ['TiB', 'GiB', 'MiB', 'KiB'].find((unit) => bytes >= UNITS[unit]!)
  if (!inBinary) return `${bytes} B`
  const whole = [inBinary, 'TB', 'GB', 'MB'].find((unit) => bytes >= UNITS[unit]! && Number.isInteger(bytes / UNITS[unit]!))
  return whole ? `${bytes / UNITS[whole]!} ${whole}` : `${(bytes / UNITS[inBinary]!).toFixed(1)} ${inBinary}`
}

export const size: Form<number> = one('a size such as 64MiB, 1GB or 1000000', parseSize, { number: true })
