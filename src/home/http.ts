import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CID } from 'multiformats/cid'
import type { Profiles } from '../client/profiles.ts'
import { LimitError, MercuryError } from '../errors.ts'
import { parseProfileId, type ProfileId } from '../identity/profile-id.ts'
import { MAX_RECORD_BYTES, SECOND_MS } from '../limits.ts'
import { UnreachableError } from '../naming/answer.ts'
import { IPNS_RECORD_TYPE } from '../naming/name-router.ts'
import { readProfileRecord } from '../naming/record.ts'
import { getBlock } from '../store/block.ts'
import type { HashStore } from '../store/hash-store.ts'
import { SERVER_OPTIONS, limitRequests } from './request-limits.ts'

export const RAW_BLOCK_TYPE = 'application/vnd.ipld.raw'

/** How long a question for a record that is not here may take; two homes that ask each other end here. */
const LOOK_UP_MS = 8 * SECOND_MS
/** How long the document of a record that was put without it may take. */
const FETCH_MS = 20 * SECOND_MS
/** Questions to the network under way at once. */
const MAX_LOOK_UPS = 64
const MAX_PROFILES = 100_000
const MAX_CID_LENGTH = 128
const RECORD_MAX_AGE_S = 60
const BLOCK_MAX_AGE_S = 29_030_400

export interface HttpServerOptions {
  profiles: Profiles
  /** Only what is here is given out. */
  blocks: HashStore
  /** @default 127.0.0.1 */
  host?: string
  /** @default one that is free */
  port?: number
  /** Further profiles than these are not taken. @default 100,000 */
  maxProfiles?: number
}

export interface HttpServer {
  readonly url: string
  /** Ends the connections that are open, too. */
  close(): Promise<void>
}

/**
 * Serves records and blocks by the standards of IPFS: `GET` and `PUT /routing/v1/ipns/{name}`, `GET` and `HEAD /ipfs/{cid}?format=raw`,
 * and `GET /healthz`. Whoever asks verifies what he gets; what is put is verified here.
 *
 * @throws MercuryError `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`
 * @see https://specs.ipfs.tech/routing/http-routing-v1/
 * @see https://specs.ipfs.tech/http-gateways/trustless-gateway/
 */
export const openHttpServer = async ({ profiles, blocks, host = '127.0.0.1', port = 0, maxProfiles = MAX_PROFILES }: HttpServerOptions): Promise<HttpServer> => {
  const closing = new AbortController()
  const underWay = new Set<Promise<void>>()
  const kept = new Set<ProfileId>()
  for await (const id of profiles.kept()) kept.add(id)
  const answer = createAnswerer({ profiles, blocks, kept, maxProfiles })
  const server = createServer(SERVER_OPTIONS, (request, response) => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const signal = AbortSignal.any([closing.signal, gone.signal])
    const work = (limits.take(request) ? answer(request, response, signal) : refuse(response, 429, 'too many requests', { 'retry-after': '1' }))
      .catch((error: unknown) => failWith(response, error))
      .finally(() => underWay.delete(work))
    underWay.add(work)
  })
  const limits = limitRequests(server)
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new MercuryError(code === 'EADDRINUSE' ? 'ADDRESS_IN_USE' : 'ADDRESS_UNAVAILABLE', `the HTTP server cannot listen on ${host}:${port} (${message}); choose another with --http`, { cause: error })
  }
  const { address, family, port: actual } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    async close () {
      const closed = new Promise((resolve) => server.close(resolve))
      closing.abort()
      server.closeAllConnections()
      await Promise.all(underWay)
      await closed
    }
  }
}

interface HomeParts {
  profiles: Profiles
  blocks: HashStore
  /** Profiles that are kept; those that are taken are added. */
  kept: Set<ProfileId>
  maxProfiles: number
}

type Answer = (request: IncomingMessage, response: ServerResponse, signal: AbortSignal) => Promise<void>

const createAnswerer = (parts: HomeParts): Answer => {
  const findRecord = shareLookUps(parts.profiles)
  return async (request, response, signal) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('x-content-type-options', 'nosniff')
    const { pathname, searchParams } = urlOf(request)
    const [, name] = /^\/routing\/v1\/ipns\/([^/]+)$/.exec(pathname) ?? []
    const [, cid] = /^\/ipfs\/([^/]+)$/.exec(pathname) ?? []
    const methods = name !== undefined ? ['GET', 'HEAD', 'PUT'] : cid !== undefined || pathname === '/healthz' ? ['GET', 'HEAD'] : undefined
    if (!methods) return refuse(response, 404, 'there is nothing here')
    if (request.method === 'OPTIONS') return preflight(response, methods)
    if (!methods.includes(request.method ?? '')) return refuse(response, 405, `${request.method ?? ''} is not possible here`, { allow: methods.join(', ') })
    if (name !== undefined) return request.method === 'PUT' ? putRecord(name, request, response, parts, signal) : getRecord(name, response, findRecord)
    if (cid !== undefined) return getRawBlock(cid, searchParams, request, response, parts, signal)
    send(response, 200, 'application/json', Buffer.from('{"status":"ok"}\n'), { 'cache-control': 'no-store' })
  }
}

const getRecord = async (name: string, response: ServerResponse, find: (id: ProfileId) => Promise<Uint8Array>): Promise<void> => {
  const id = parseProfileId(name)
  try {
    send(response, 200, IPNS_RECORD_TYPE, await find(id), { 'cache-control': `public, max-age=${RECORD_MAX_AGE_S}`, 'content-disposition': `attachment; filename="${id}.ipns-record"` })
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
    const { code } = error
    const isAlone = error instanceof UnreachableError && error.answers.length === 0
    if (code === 'NOT_FOUND' || code === 'NOT_A_PROFILE' || isAlone) return refuse(response, 404, 'no record of this name is known', { 'cache-control': 'no-store' })
    if (code === 'UNREACHABLE') return refuse(response, 502, error.message)
    if (code === 'BUSY') return refuse(response, 503, error.message, { 'retry-after': '5' })
    throw error
  }
}

const putRecord = async (name: string, request: IncomingMessage, response: ServerResponse, { profiles, blocks, kept, maxProfiles }: HomeParts, signal: AbortSignal): Promise<void> => {
  const id = parseProfileId(name)
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== IPNS_RECORD_TYPE) return refuse(response, 415, `a record has the type ${IPNS_RECORD_TYPE}`)
  if (request.headers['content-encoding'] !== undefined) return refuse(response, 415, 'a compressed body is not taken')
  const bytes = await readBody(request, MAX_RECORD_BYTES)
  const record = await readProfileRecord(id, bytes)
  if (!kept.has(id) && kept.size >= maxProfiles) return refuse(response, 507, `this home keeps ${maxProfiles} profiles and takes no more`, {}, 'HOME_FULL')
  if (record.expired) return refuse(response, 400, `the record expired on ${record.validUntil.toISOString()}`, {}, 'RECORD_EXPIRED')
  const document = record.documentBytes ?? (await getBlock(blocks, record.cid, { signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_MS)]) }).catch(asMissing))
  if (!document) return refuse(response, 400, 'nobody gave the document of this record; put one that carries it, or be reachable', {}, 'DOCUMENT_MISSING')
  await profiles.accept({ record: record.bytes, document }, { id, wait: 'local', signal })
  kept.add(id)
  send(response, 200, 'application/json', Buffer.from('{}\n'))
}

const getRawBlock = async (text: string, query: URLSearchParams, request: IncomingMessage, response: ServerResponse, { blocks }: HomeParts, signal: AbortSignal): Promise<void> => {
  const cid = parseCid(text)
  const asked = query.get('format') ?? (request.headers.accept?.includes(RAW_BLOCK_TYPE) ? 'raw' : undefined)
  if (asked !== 'raw') return refuse(response, 406, `only raw blocks are given out: ?format=raw or Accept: ${RAW_BLOCK_TYPE}`)
  const etag = `"${cid.toString()}.raw"`
  const headers = { etag, 'cache-control': `public, max-age=${BLOCK_MAX_AGE_S}, immutable`, vary: 'accept', 'x-ipfs-path': `/ipfs/${cid.toString()}` }
  const block = await getBlock(blocks, cid, { offline: true, signal })
  if (!block) return refuse(response, 404, 'this block is not here', { 'cache-control': 'no-store' })
  if (matches(request.headers['if-none-match'], etag)) {
    response.writeHead(304, headers).end()
    return
  }
  send(response, 200, RAW_BLOCK_TYPE, block, { ...headers, 'content-disposition': `attachment; filename="${cid.toString()}.bin"` })
}

/** Many who ask for one name wait for one look-up. */
const shareLookUps = (profiles: Profiles): (id: ProfileId) => Promise<Uint8Array> => {
  const underWay = new Map<ProfileId, Promise<Uint8Array>>()
  const lookUp = async (id: ProfileId): Promise<Uint8Array> => {
    const timeout = AbortSignal.timeout(LOOK_UP_MS)
    try {
      return await profiles.record(id, { signal: timeout })
    } catch (error) {
      if (timeout.aborted) throw new MercuryError('UNREACHABLE', 'no router answered in time', { cause: error })
      throw error
    } finally {
      underWay.delete(id)
    }
  }
  return async (id) => {
    const shared = underWay.get(id)
    if (shared) return shared
    if (underWay.size >= MAX_LOOK_UPS) throw new MercuryError('BUSY', 'too many look-ups are under way')
    const started = lookUp(id)
    underWay.set(id, started)
    return started
  }
}

const readBody = async (request: IncomingMessage, maxBytes: number): Promise<Uint8Array> => {
  const parts: Buffer[] = []
  let length = Number(request.headers['content-length'] ?? 0)
  if (length > maxBytes) throw new LimitError('record bytes', maxBytes, length)
  length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.byteLength
    if (length > maxBytes) throw new LimitError('record bytes', maxBytes, length)
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

const urlOf = (request: IncomingMessage): URL => {
  try {
    return new URL(request.url ?? '/', 'http://localhost')
  } catch (error) {
    throw new MercuryError('INVALID_URL', 'the address does not parse', { cause: error })
  }
}

const parseCid = (text: string): CID => {
  try {
    if (text.length <= MAX_CID_LENGTH) return CID.parse(text)
  } catch (error) {
    throw new MercuryError('INVALID_CID', 'that is no CID', { cause: error })
  }
  throw new MercuryError('INVALID_CID', `a CID has at most ${MAX_CID_LENGTH} characters`)
}

const matches = (header: string | undefined, etag: string): boolean => header !== undefined && (header.trim() === '*' || header.split(',').some((given) => given.trim().replace(/^W\//, '') === etag))

/** Whatever a store says instead of the block, it is not to be had. */
const asMissing = (error: unknown): undefined => {
  if (error instanceof MercuryError || (error instanceof Error && error.name === 'TimeoutError')) return undefined
  throw error
}

const preflight = (response: ServerResponse, methods: readonly string[]): void => {
  response.writeHead(204, { 'access-control-allow-methods': [...methods, 'OPTIONS'].join(', '), 'access-control-allow-headers': 'accept, content-type, if-none-match', 'access-control-max-age': '86400' }).end()
}

const send = (response: ServerResponse, status: number, type: string, bytes: Uint8Array, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': type, 'content-length': String(bytes.byteLength), ...headers })
  response.end(response.req.method === 'HEAD' ? undefined : bytes)
}

/** A problem document of RFC 9457. The rest of a body that is not wanted is not waited for. */
const refuse = async (response: ServerResponse, status: number, detail: string, headers: Record<string, string> = {}, code?: string): Promise<void> => {
  const { complete, headers: { 'content-length': length, 'transfer-encoding': encoding } } = response.req
  if (!complete && (length !== undefined || encoding !== undefined)) response.setHeader('connection', 'close')
  send(response, status, 'application/problem+json', Buffer.from(`${JSON.stringify({ type: 'about:blank', status, detail, ...(code === undefined ? {} : { code }) })}\n`), headers)
}

const CLIENT_ERRORS: Readonly<Record<string, number>> = { LIMIT_EXCEEDED: 413, CONFLICT: 409, ROLLED_BACK: 409, CONTESTED: 409, KIND_CHANGED: 409, GONE: 410, STORE_FAILED: 500, CLOSED: 503 }

const failWith = async (response: ServerResponse, error: unknown): Promise<void> => {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  // What went wrong inside is nobody's business outside.
  if (!(error instanceof MercuryError)) return refuse(response, 500, 'something went wrong')
  const status = Object.hasOwn(CLIENT_ERRORS, error.code) ? CLIENT_ERRORS[error.code]! : 400
  return refuse(response, status, status >= 500 ? 'something went wrong' : error.message, {}, error.code)
}
