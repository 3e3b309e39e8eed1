import { MercuryError } from '../errors.ts'

/** Where something is kept or asked, as a configuration names it. */
export type Place =
  /** `ipfs`, `dht` and `pubsub`: this program's own node. */
  | { readonly type: 'ipfs' | 'dht' | 'pubsub' | 'memory' }
  /** A folder; by its role below the directory where none is named. */
  | { readonly type: 'level' | 'fs'; readonly location?: string }
  | { readonly type: 'postgres'; readonly url: string; readonly table?: string }
  | { readonly type: 's3'; readonly bucket: string; readonly prefix: string; readonly endpoint?: string; readonly region?: string; readonly pathStyle?: boolean }
  | { readonly type: 'kubo'; readonly url: string }
  /** Gateways to blocks, which are raced, or one delegated router to names. */
  | { readonly type: 'http'; readonly urls: readonly string[] }
  | { readonly type: 'bittorrent'; readonly host?: string; readonly port?: number; readonly bootstrap?: readonly string[] }

/** What a place is for. */
export type Role = 'blocks' | 'state' | 'router'

const TYPES: Readonly<Record<Role, readonly Place['type'][]>> = {
  blocks: ['ipfs', 'level', 'fs', 'memory', 'postgres', 's3', 'kubo', 'http', 'bittorrent'],
  state: ['level', 'fs', 'postgres'],
  router: ['dht', 'pubsub', 'kubo', 'http', 'bittorrent']
}

/** What the user may write, for messages. */
const FORMS: Readonly<Record<Place['type'], string>> = {
  ipfs: 'ipfs', dht: 'dht', pubsub: 'pubsub', memory: 'memory',
  level: 'level:DIR', fs: 'fs:DIR', postgres: 'postgres://USER@HOST/DATABASE', s3: 's3://BUCKET', kubo: 'kubo://HOST:5001', http: 'https://HOST', bittorrent: 'bittorrent'
}

/** A text that names no place, or one that cannot do what is asked of it. */
export class InvalidPlaceError extends MercuryError {
  override readonly name = 'InvalidPlaceError'
  constructor (role: Role, reason: string) {
    super('INVALID_PLACE', `not a place for ${role === 'router' ? 'a router' : role}: ${reason}; there are ${TYPES[role].map((type) => FORMS[type]).join(', ')}`)
  }
}

/**
 * Reads a place. Secrets stand in the environment, never here: `PGPASSWORD`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (`AWS_SESSION_TOKEN`), `KUBO_AUTHORIZATION`.
 *
 * @throws InvalidPlaceError, which repeats no part of a text that carries a password
 */
export const parsePlace = (role: Role, text: string): Place => {
  const place = /^(ipfs|dht|pubsub|memory)$/.test(text) ? { type: text as 'ipfs' } : parseFolder(text) ?? parseUrl(role, text)
  if (!TYPES[role].includes(place.type)) throw new InvalidPlaceError(role, `${describePlace(place)} is for something else`)
  return place
}

/** Whether a place is of this machine alone, so that it is used offline too. */
export const isLocal = ({ type }: Place): boolean => type === 'level' || type === 'fs' || type === 'memory'

/** How a place is shown: as it was written, as it holds no secret. */
export const describePlace = (place: Place): string => {
  switch (place.type) {
    case 'level':
    case 'fs': return place.location === undefined ? place.type : `${place.type}:${place.location}`
    case 'postgres': return place.table === undefined ? place.url : `${place.url}?table=${place.table}`
    case 's3': return `s3://${place.bucket}${place.prefix === '' ? '' : `/${place.prefix}`}${place.endpoint === undefined ? '' : ` at ${place.endpoint}`}`
    case 'kubo': return `kubo at ${place.url}`
    case 'http': return place.urls.join(', ')
    case 'bittorrent': return place.host === undefined ? 'bittorrent' : `bittorrent://${place.host}:${place.port ?? 0}`
    default: return place.type
  }
}

const MAX_SHOWN = 80

const parseFolder = (text: string): Place | undefined => {
  const [, type, location] = /^(level|fs)(?::(.+))?$/.exec(text) ?? []
  return type === undefined ? undefined : { type: type as 'level' | 'fs', ...(location === undefined ? {} : { location }) }
}

const parseUrl = (role: Role, text: string): Place => {
  if (text === 'bittorrent') return { type: 'bittorrent' }
  if (!URL.canParse(text)) throw new InvalidPlaceError(role, text.includes('@') ? 'it does not parse' : `${JSON.stringify(text.slice(0, MAX_SHOWN))} is none`)
  const url = new URL(text)
  if (url.password !== '') throw new InvalidPlaceError(role, 'it holds a password, which belongs into the environment (PGPASSWORD, AWS_SECRET_ACCESS_KEY, KUBO_AUTHORIZATION)')
  if (url.username !== '' && !url.protocol.startsWith('postgres')) throw new InvalidPlaceError(role, 'it names a user; credentials belong into the environment')
  const options = readOptions(role, url)
  switch (url.protocol) {
    case 'postgres:':
    case 'postgresql:': {
      const { table } = options('table')
      return { type: 'postgres', url: withoutQuery(url), ...(table === undefined ? {} : { table }) }
    }
    case 's3:': return parseS3(role, url, options('endpoint', 'region', 'style'))
    case 'kubo:':
    case 'kubo+http:': options(); return { type: 'kubo', url: withoutQuery(url).replace(/^kubo(\+http)?:/, 'http:') }
    case 'kubo+https:': options(); return { type: 'kubo', url: withoutQuery(url).replace(/^kubo\+https:/, 'https:') }
    case 'https:':
    case 'http:': options(); return { type: 'http', urls: [url.href.replace(/\/$/, '')] }
    case 'bittorrent:': {
      const { bootstrap } = options('bootstrap')
      return { type: 'bittorrent', ...(url.hostname === '' ? {} : { host: url.hostname, port: Number(url.port) }), ...(bootstrap === undefined ? {} : { bootstrap: bootstrap.split(',') }) }
    }
    default: throw new InvalidPlaceError(role, `the scheme ${url.protocol} is not known`)
  }
}

const parseS3 = (role: Role, url: URL, { endpoint, region, style }: Record<string, string | undefined>): Place => {
  if (style !== undefined && style !== 'path' && style !== 'virtual') throw new InvalidPlaceError(role, 'style is path or virtual')
  if (url.hostname === '') throw new InvalidPlaceError(role, 'it names no bucket')
  return {
    type: 's3',
    bucket: url.hostname,
    prefix: decodePath(role, url),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(style === undefined ? {} : { pathStyle: style === 'path' })
  }
}

const decodePath = (role: Role, { pathname }: URL): string => {
  try {
    return decodeURIComponent(pathname.slice(1))
  } catch {
    throw new InvalidPlaceError(role, 'its path is not well encoded')
  }
}

/** Reads the query: each option once, and no other than those that are asked for. */
const readOptions = (role: Role, { searchParams }: URL) => (...known: string[]): Record<string, string | undefined> => {
  for (const name of searchParams.keys()) {
    if (!known.includes(name)) throw new InvalidPlaceError(role, `it has no option ${JSON.stringify(name.slice(0, MAX_SHOWN))}${known.length > 0 ? `; there are ${known.join(', ')}` : ''}`)
    if (searchParams.getAll(name).length > 1) throw new InvalidPlaceError(role, `${name} is given twice`)
  }
  return Object.fromEntries(searchParams)
}

const withoutQuery = ({ href }: URL): string => href.replace(/\?.*$/, '').replace(/\/$/, '')
