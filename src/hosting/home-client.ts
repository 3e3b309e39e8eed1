import { base32 } from 'multiformats/bases/base32'
import type { CID } from 'multiformats/cid'
import { MercuryError, reasonOf } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { MessageSigner } from '../identity/signed-map.ts'
import { MAX_BLOCK_BYTES, MAX_RECORD_BYTES } from '../limits.ts'
import { IPNS_RECORD_TYPE } from '../naming/name-router.ts'
import { MAX_MESSAGE_BYTES, formatRequest, readAgreement, readDescription, type Agreement, type AgreementRequest, type HomeDescription } from './agreement.ts'
import type { HomeRequest, HomeResponse, HomeTransport } from './home-transport.ts'
import { parseJson } from './json-shape.ts'
import { MAX_PROFILE_ANSWER_BYTES, PROFILE_ANSWER_TYPE, decodeProfileAnswer, type ProfileAnswer } from './profile-answer.ts'
import { signRequest } from './request-signature.ts'

export const CAR_TYPE = 'application/vnd.ipld.car'
export const BLOCK_TYPE = 'application/vnd.ipld.raw'
export const MAX_BACKUP_BYTES = 4 * 1_048_576
const MAX_DETAIL_LENGTH = 300
const MAX_URLS = 16

/** No address of the home gave a whole answer. */
export class HomeUnreachableError extends MercuryError {
  override readonly name = 'HomeUnreachableError'
  constructor(reason: string, options?: ErrorOptions) {
    super('HOME_UNREACHABLE', `the home does not answer: ${reason}`, options)
  }
}

/** The home answered, and said no. `refusal` is its own code, `status` its HTTP status. */
export class HomeRefusedError extends MercuryError {
  override readonly name = 'HomeRefusedError'
  readonly status: number
  readonly refusal: string | undefined
  constructor(status: number, refusal: string | undefined, detail: string, options?: ErrorOptions) {
    super('HOME_REFUSED', `the home refused: ${detail}`, options)
    this.status = status
    this.refusal = refusal
  }
}

export interface HomeClientOptions {
  transport: HomeTransport
  /** Base URLs with a slash at their end, the best first; at most 16 are tried. */
  urls: readonly string[]
  /** The user named this home; see {@link HomeRequest}. */
  trusted: boolean
  /** Milliseconds since 1970. */
  clock: () => number
}

interface CallOptions {
  signal?: AbortSignal
}

/**
 * The requests that a persona, or whoever looks for one, makes to a home. The home that is meant is named with each: whatever it answers is checked against that ID.
 *
 * @throws each call: HomeUnreachableError, HomeRefusedError, InvalidMessageError or what else an answer breaks, the signal's reason
 */
export interface HomeClient {
  describe(options?: CallOptions): Promise<HomeDescription>
  /** What the home has of `id`, unverified; `undefined` when it has nothing. */
  profile(id: ProfileId, options?: CallOptions): Promise<ProfileAnswer | undefined>
  /** Asks for an agreement; asked again, it is answered with the same one. */
  agree(request: AgreementRequest, home: ProfileId, signer: MessageSigner, options?: CallOptions): Promise<Agreement>
  /** The agreement of the signer, `undefined` where there is none. */
  agreement(home: ProfileId, next: Uint8Array | null, signer: MessageSigner, options?: CallOptions): Promise<Agreement | undefined>
  /** Ends it; one that has ended or never was is no error. */
  end(signer: MessageSigner, options?: CallOptions): Promise<void>
  putRecord(id: ProfileId, record: Uint8Array, options?: CallOptions): Promise<void>
  /** The newest record that the home has, unverified. */
  record(id: ProfileId, options?: CallOptions): Promise<Uint8Array | undefined>
  /** The block of `cid`, unverified; `undefined` when the home does not have it. */
  block(cid: CID, options?: CallOptions): Promise<Uint8Array | undefined>
  /** Whether the home says that it has the block of `cid`. */
  hasBlock(cid: CID, options?: CallOptions): Promise<boolean>
  /** Uploads a CAR of one root. */
  putBlocks(car: Uint8Array, signer: MessageSigner, options?: CallOptions): Promise<void>
  /** @param options `after`: the `etag` of the version that this one replaces; none for the first. @returns the new `etag` */
  putBackup(name: string, bytes: Uint8Array, signer: MessageSigner, options?: CallOptions & { after?: string }): Promise<string>
  backup(name: string, signer: MessageSigner, options?: CallOptions): Promise<{ bytes: Uint8Array; etag: string } | undefined>
}

export const createHomeClient = ({ transport, urls, trusted, clock }: HomeClientOptions): HomeClient => {
  /** The address that answered last is asked first. */
  let base: string | undefined
  const inOrder = (): readonly string[] => (base === undefined ? urls : [base, ...urls.filter((url) => url !== base)]).slice(0, MAX_URLS)

  const send = async (path: string, request: Omit<HomeRequest, 'url' | 'trusted'>, signer: MessageSigner | undefined, { signal }: CallOptions = {}): Promise<HomeResponse> => {
    const failures: string[] = []
    for (const candidate of inOrder()) {
      const url = new URL(path, candidate).href
      try {
        const headers = signer ? { ...request.headers, ...await signRequest({ method: request.method, url, body: request.body }, signer, { now: clock(), signal }) } : request.headers
        const response = await transport.send({ ...request, headers, url, trusted }, { signal })
        base = candidate
        return response
      } catch (error) {
        signal?.throwIfAborted()
        failures.push(reasonOf(error))
      }
    }
    throw new HomeUnreachableError(failures.length === 0 ? 'it has no address that can be dialled' : failures.join('; '))
  }

  const json = async (method: HomeRequest['method'], path: string, signer: MessageSigner | undefined, message: unknown, options?: CallOptions): Promise<HomeResponse> => {
    const body = message === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(message)) }
    const headers = { accept: 'application/json', ...(message === undefined ? {} : { 'content-type': 'application/json' }) }
    return send(path, { method, headers, ...body, maxBytes: MAX_MESSAGE_BYTES }, signer, options)
  }

  return {
    async describe (options) {
      return readDescription(parseJson(succeeded(await json('GET', 'hosting/v1', undefined, undefined, options)).body, "home's description"))
    },
    async profile (id, options) {
      const response = await send(`profiles/v1/${id}`, { method: 'GET', headers: { accept: PROFILE_ANSWER_TYPE }, maxBytes: MAX_PROFILE_ANSWER_BYTES }, undefined, options)
      return response.status === 404 ? undefined : decodeProfileAnswer(succeeded(response).body)
    },
    async agree (request, home, signer, options) {
      const { body } = succeeded(await json('POST', 'hosting/v1/agreements', signer, formatRequest(request), options))
      return readAgreement(parseJson(body, 'agreement'), { persona: signer.id, next: request.next, home })
    },
    async agreement (home, next, signer, options) {
      const response = await json('GET', `hosting/v1/agreements/${signer.id}`, signer, undefined, options)
      return response.status === 404 ? undefined : readAgreement(parseJson(succeeded(response).body, 'agreement'), { persona: signer.id, next, home })
    },
    async end (signer, options) {
      const response = await json('DELETE', `hosting/v1/agreements/${signer.id}`, signer, undefined, options)
      if (response.status !== 404) succeeded(response)
    },
    async putRecord (id, record, options) {
      succeeded(await send(`routing/v1/ipns/${id}`, { method: 'PUT', headers: { 'content-type': IPNS_RECORD_TYPE }, body: record, maxBytes: MAX_MESSAGE_BYTES }, undefined, options))
    },
    async record (id, options) {
      const response = await send(`routing/v1/ipns/${id}`, { method: 'GET', headers: { accept: IPNS_RECORD_TYPE }, maxBytes: MAX_RECORD_BYTES }, undefined, options)
      return response.status === 404 ? undefined : succeeded(response).body
    },
    async block (cid, options) {
      const response = await send(blockPath(cid), { method: 'GET', headers: { accept: BLOCK_TYPE }, maxBytes: MAX_BLOCK_BYTES }, undefined, options)
      return response.status === 404 ? undefined : succeeded(response).body
    },
    async hasBlock (cid, options) {
      // One byte is enough; a home that knows no ranges sends the whole block.
      const response = await send(blockPath(cid), { method: 'GET', headers: { accept: BLOCK_TYPE, range: 'bytes=0-0' }, maxBytes: MAX_BLOCK_BYTES }, undefined, options)
      if (response.status === 404) return false
      // An empty block has no first byte.
      if (response.status !== 416) succeeded(response)
      return true
    },
    async putBlocks (car, signer, options) {
      succeeded(await send('hosting/v1/blocks', { method: 'POST', headers: { 'content-type': CAR_TYPE }, body: car, maxBytes: MAX_MESSAGE_BYTES }, signer, options))
    },
    async putBackup (name, bytes, signer, { after, ...options } = {}) {
      const condition: Record<string, string> = after === undefined ? { 'if-none-match': '*' } : { 'if-match': after }
      const response = succeeded(await send(backupPath(name), { method: 'PUT', headers: { 'content-type': 'application/octet-stream', ...condition }, body: bytes, maxBytes: MAX_MESSAGE_BYTES }, signer, options))
      return etagOf(response)
    },
    async backup (name, signer, options) {
      const response = await send(backupPath(name), { method: 'GET', headers: { accept: 'application/octet-stream' }, maxBytes: MAX_BACKUP_BYTES }, signer, options)
      return response.status === 404 ? undefined : { bytes: succeeded(response).body, etag: etagOf(response) }
    }
  }
}

const blockPath = (cid: CID): string => `ipfs/${cid.toV1().toString(base32)}?format=raw`
const backupPath = (name: string): string => `hosting/v1/backups/${encodeURIComponent(name)}`

const etagOf = ({ headers: { etag } }: HomeResponse): string => {
  if (etag === undefined || etag.length > 256) throw new HomeUnreachableError('its answer has no ETag')
  return etag
}

/** @throws HomeRefusedError with what the home said, for any status but 2xx */
const succeeded = (response: HomeResponse): HomeResponse => {
  const { status, body } = response
  if (status >= 200 && status < 300) return response
  const { code, detail } = readProblem(body)
  throw new HomeRefusedError(status, code, detail ?? `status ${status}`)
}

/** A problem document of RFC 9457, as far as it is one. */
const readProblem = (body: Uint8Array): { code?: string; detail?: string } => {
  try {
    const problem = parseJson(body, 'problem')
    const code = problem.has('code') ? problem.text('code', 64) : undefined
    // It goes to a terminal: control characters stay behind.
    const detail = problem.text('detail', MAX_MESSAGE_BYTES).replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, ' ').slice(0, MAX_DETAIL_LENGTH)
    return { detail, ...(code !== undefined && /^[A-Z_]+$/.test(code) ? { code } : {}) }
  } catch (error) {
    if (error instanceof MercuryError) return {}
    throw error
  }
}
