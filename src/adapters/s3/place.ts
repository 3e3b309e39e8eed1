import type { CID } from 'multiformats/cid'
import { MercuryError } from '../../errors.ts'
import { hashName } from '../../store/hash-store.ts'
import { InvalidUrlError, parseServiceUrl } from '../http-client.ts'

export interface S3PlaceOptions {
  bucket: string
  /** http or https, without credentials, query or fragment. @default AWS's for `region` */
  endpoint?: string
  /** @default us-east-1 */
  region?: string
  /** Stands before every object's name, for example `mercury/`; at most 512 bytes, without empty, `.` and `..` segments. @default none */
  prefix?: string
  /** The bucket stands in the path, not in the host. @default true, but for AWS and buckets without a dot there */
  pathStyle?: boolean
  /** Take an endpoint that is a private address or a local name. @default false */
  allowPrivate?: boolean
}

/** Where the blocks of one store are. */
export interface S3Place {
  /** What the names of objects are appended to. */
  readonly base: string
  readonly bucket: string
  readonly region: string
  /** The name of a block's object, percent-encoded. @throws UnsupportedError for another hash than sha2-256 */
  pathOf(cid: CID): string
}

export const DEFAULT_REGION = 'us-east-1'

const MAX_PREFIX_BYTES = 512

/** @throws InvalidUrlError; MercuryError `INVALID_ARGUMENT` for a bucket, region or prefix that cannot be one */
export const createS3Place = ({ bucket, region = DEFAULT_REGION, endpoint = awsEndpoint(region), prefix = '', pathStyle, allowPrivate }: S3PlaceOptions): S3Place => {
  // Google and Garage take names that AWS would not, so only what a URL could misread is refused.
  require(/^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){1,61}[A-Za-z0-9]$/.test(bucket), `a bucket's name has 3 to 63 letters, digits, dots and dashes; got ${JSON.stringify(bucket)}`)
  require(isRegion(region), `a region has lower-case letters, digits and dashes; got ${JSON.stringify(region)}`)
  const path = encodePrefix(prefix)
  const url = parseServiceUrl(endpoint, { allowPrivate })
  if (pathStyle ?? (!isAws(url.hostname) || bucket.includes('.'))) url.pathname += `${bucket}/`
  else url.hostname = `${bucket}.${namedHost(url.hostname)}`
  return { base: url.href, bucket, region, pathOf: (cid) => path + hashName(cid) }
}

/** Whether `text` could be a region; used for what servers say, too. */
export const isRegion = (text: string): boolean => /^[a-z0-9-]{1,32}$/.test(text)

const awsEndpoint = (region: string): string => `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`

const isAws = (hostname: string): boolean => /(^|\.)amazonaws\.com(\.cn)?$/.test(hostname)

const namedHost = (hostname: string): string => {
  if (/^[\d.]+$|^\[/.test(hostname)) throw new InvalidUrlError(`${hostname} is an address, which has no host for each bucket; set pathStyle`)
  return hostname
}

/** As AWS encodes names: everything but unreserved characters, so that the server sees what was signed. */
const encodePrefix = (prefix: string): string => {
  require(prefix.isWellFormed() && !/[\0-\x1f\x7f]/.test(prefix), 'a prefix has no control characters and no lone surrogates')
  // A URL drops segments of dots, and servers over files take them for folders.
  require(!prefix.startsWith('/') && prefix.split('/').every((segment, i, { length }) => segment !== '.' && segment !== '..' && (segment !== '' || i === length - 1)), 'a prefix has no empty segments and none that are . or ..')
  require(new TextEncoder().encode(prefix).byteLength <= MAX_PREFIX_BYTES, `a prefix has at most ${MAX_PREFIX_BYTES} bytes`)
  return encodeURIComponent(prefix).replaceAll('%2F', '/').replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}

const require: (holds: boolean, otherwise: string) => asserts holds = (holds, otherwise) => {
  if (!holds) throw new MercuryError('INVALID_ARGUMENT', otherwise)
}
