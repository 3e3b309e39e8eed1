import { MercuryError } from '../../errors.ts'
import { MAX_MESSAGE_BYTES, formatAgreement, formatDescription, readRequest, type HomeDescription } from '../../hosting/agreement.ts'
import { CAR_TYPE } from '../../hosting/home-client.ts'
import { parseJson } from '../../hosting/json-shape.ts'
import type { SignedHead } from '../../hosting/request-signature.ts'
import { parseProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { HOUR_MS, MAX_ARCHIVE_BYTES, SECOND_MS } from '../../limits.ts'
import { NO_STORE, jsonAnswer } from '../answer.ts'
import { isHeld, type AgreementEntry } from '../books/agreement-entry.ts'
import type { HostingBooks } from '../hosting-books.ts'
import { problemResponse, profileIdParameter, type Schema } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import { AGREEMENTS_PER_HOUR, BURST_AGREEMENTS, createRequestBudget, type LimitSettings, type RequestBudget } from '../request-limits.ts'
import type { Answer, Route, RouteRequest } from '../route.ts'
import type { HomeSettings } from '../settings.ts'
import { SIGNATURE_PARAMETERS, SIGNATURE_RESPONSES, UNCACHED, readSigned, requireOwner } from '../signed-request.ts'

export interface HostingParts {
  books: HostingBooks
  home: ProfileId
  settings: HomeSettings
  /** What is told to whoever thinks of joining. */
  describe: () => HomeDescription
  clock: () => number
  limits?: LimitSettings
}

const AGREEMENTS = '/hosting/v1/agreements'

/** What a home and its personas say to each other. */
export const hostingRoutes = (parts: HostingParts): readonly Route[] => {
  const { burstAgreements = BURST_AGREEMENTS, agreementsPerHour = AGREEMENTS_PER_HOUR } = parts.limits ?? {}
  const newcomers = createRequestBudget({ burst: burstAgreements, requestsPerSecond: agreementsPerHour * SECOND_MS / HOUR_MS })
  return routesOf(parts, newcomers)
}

const routesOf = (parts: HostingParts, newcomers: RequestBudget): readonly Route[] => [
  {
    method: 'GET',
    pattern: '/hosting/v1',
    operation: {
      operationId: 'describeHome',
      summary: 'Whom this home takes, and what it asks for and gives',
      tags: ['hosting'],
      responses: { 200: { description: 'Not signed: the ID is proved by the home\'s own record, its promises by its acceptances.', headers: UNCACHED, content: { 'application/json': { schema: DESCRIPTION } } } }
    },
    handle: () => jsonAnswer(formatDescription(parts.describe()), NO_STORE)
  },
  {
    method: 'POST',
    pattern: AGREEMENTS,
    operation: {
      operationId: 'agree',
      summary: 'Ask for an agreement',
      description: 'Signed by the persona. Asked again while it is offered or active, it is answered with the same acceptance and uses no voucher. A home never accepts a second pledge of one profile.',
      tags: ['hosting'],
      parameters: SIGNATURE_PARAMETERS,
      requestBody: { description: 'What the persona asks for; bytes in base64url.', required: true, content: { 'application/json': { schema: REQUEST } } },
      responses: {
        ...SIGNATURE_RESPONSES,
        200: { description: 'The agreement that there is.', headers: UNCACHED, content: { 'application/json': { schema: AGREEMENT } } },
        201: { description: 'A new agreement, offered.', headers: UNCACHED, content: { 'application/json': { schema: AGREEMENT } } },
        403: problemResponse('The home does not take this persona, or not this way.', ['NOT_YOURS', 'BANNED', 'HOME_CLOSED', 'INVITATION_NEEDED', 'INVITATION_EXPIRED', 'INVITATION_USED']),
        409: problemResponse('Another pledge was witnessed, or the terms are others.', ['PLEDGE_CONTESTED', 'TERMS_CHANGED', 'CONFLICT']),
        410: problemResponse('The profile was removed.', ['GONE']),
        413: problemResponse('The body is too long.', ['LIMIT_EXCEEDED']),
        415: problemResponse('The body is of another type, or compressed.', ['UNSUPPORTED_TYPE', 'COMPRESSED_BODY']),
        507: problemResponse('The home hosts as many profiles as it can.', ['HOME_FULL'])
      }
    },
    handle: (request) => agree(request, newcomers, parts)
  },
  {
    method: 'GET',
    pattern: `${AGREEMENTS}/{id}`,
    operation: {
      operationId: 'getAgreement',
      summary: 'The agreement of the persona that asks',
      tags: ['hosting'],
      parameters: [profileIdParameter('id'), ...SIGNATURE_PARAMETERS],
      responses: {
        ...SIGNATURE_RESPONSES,
        200: { description: 'The agreement.', headers: UNCACHED, content: { 'application/json': { schema: AGREEMENT } } },
        403: problemResponse('It is somebody else\'s, or banned.', ['NOT_YOURS', 'BANNED']),
        404: problemResponse('There is none.', ['NOT_HOSTED'])
      }
    },
    handle: async (request) => {
      const { id, head } = await readOwned(request, parts)
      await requireUnbanned(id, parts)
      const found = await parts.books.agreements.read(id, { signal: request.signal })
      if (!found) throw notHosted()
      await parts.books.nonces.note(head)
      return answerAgreement(id, found.entry, parts)
    }
  },
  {
    method: 'DELETE',
    pattern: `${AGREEMENTS}/{id}`,
    operation: {
      operationId: 'endAgreement',
      summary: 'End the agreement',
      description: 'Signed by the persona. One that has ended stays as it is.',
      tags: ['hosting'],
      parameters: [profileIdParameter('id'), ...SIGNATURE_PARAMETERS],
      responses: {
        ...SIGNATURE_RESPONSES,
        200: { description: 'The agreement, ended.', headers: UNCACHED, content: { 'application/json': { schema: AGREEMENT } } },
        403: problemResponse('It is somebody else\'s.', ['NOT_YOURS']),
        404: problemResponse('There is none.', ['NOT_HOSTED']),
        409: problemResponse('Others change it again and again.', ['CONFLICT'])
      }
    },
    handle: async (request) => {
      const { id, head } = await readOwned(request, parts)
      if (!(await parts.books.agreements.read(id))) throw notHosted()
      const entry = await parts.books.agreements.end(id, { note: parts.books.nonces.noteOf(head) })
      if (!entry) throw notHosted()
      return answerAgreement(id, entry, parts)
    }
  },
  {
    method: 'POST',
    pattern: '/hosting/v1/blocks',
    operation: {
      operationId: 'putBlocks',
      summary: 'Upload blocks that the next version of the profile links to',
      description: 'Signed by the persona. Held for a day, and then as long as a version links to their root.',
      tags: ['hosting'],
      parameters: SIGNATURE_PARAMETERS,
      requestBody: { description: 'A CAR of version 1 with one root: at most 16 MiB, blocks under sha2-256 or identity of at most 1 MiB each, all reachable from the root.', required: true, content: { [CAR_TYPE]: {} } },
      responses: {
        ...SIGNATURE_RESPONSES,
        201: { description: 'They are kept.', headers: UNCACHED, content: { 'application/json': { schema: UPLOADED } } },
        403: problemResponse('The persona has no agreement.', ['NOT_HOSTED', 'BANNED']),
        409: problemResponse('Others change what the persona takes up again and again.', ['CONFLICT']),
        413: problemResponse('Too much, for an upload or for the quota.', ['LIMIT_EXCEEDED']),
        415: problemResponse('The body is of another type, or compressed.', ['UNSUPPORTED_TYPE', 'COMPRESSED_BODY'])
      }
    },
    handle: (request) => putBlocks(request, parts)
  }
]

const agree = async (request: RouteRequest, newcomers: RequestBudget, { books, ...parts }: HostingParts): Promise<Answer> => {
  requireType(request, 'application/json')
  const { head, body } = await readSigned(request, parts)
  const asked = await readRequest(parseJson(await body(MAX_MESSAGE_BYTES), 'request for an agreement'))
  requireOwner(head, asked.persona)
  // Whoever was invited costs a voucher; keys cost nothing.
  if (parts.settings.policy === 'open' && !isHeld((await books.agreements.read(asked.persona))?.entry) && !newcomers.take(request.client)) throw new ProblemError(429, 'TOO_MANY_REQUESTS', 'too many new agreements from your address; ask again in a minute', { headers: { 'retry-after': '60' } })
  const { entry, isNew } = await books.agreements.offer(asked, { note: books.nonces.noteOf(head) })
  return answerAgreement(asked.persona, entry, { books, ...parts }, isNew ? 201 : 200)
}

const putBlocks = async (request: RouteRequest, { books, settings, clock }: HostingParts): Promise<Answer> => {
  requireType(request, CAR_TYPE)
  const { head, body } = await readSigned(request, { clock })
  const { quota = settings.quotaBytes } = await requireHosted(head, books)
  const car = await body(MAX_ARCHIVE_BYTES)
  const { root, bytes, blocks } = await books.uploads.take(head.signer, car, { quota, note: books.agreements.whileHeld(head.signer, books.nonces.noteOf(head)), signal: request.signal })
  return jsonAnswer({ root: root.toString(), blocks: blocks.length, bytes }, NO_STORE, 201)
}

/** @throws MercuryError `NOT_HOSTED`, `BANNED` unless the signer has a place, offered or active */
export const requireHosted = async ({ signer }: SignedHead, { agreements }: Pick<HostingBooks, 'agreements'>): Promise<AgreementEntry> => {
  const found = await agreements.read(signer)
  if (found && !found.entry.leaving && found.entry.state !== 'ended') return found.entry
  if (await agreements.standing(signer) === 'banned') throw new MercuryError('BANNED', 'this home does not host this profile')
  throw new MercuryError('NOT_HOSTED', 'this profile has no agreement with this home; ask for one first')
}

const readOwned = async (request: RouteRequest, { clock }: Pick<HostingParts, 'clock'>): Promise<{ id: ProfileId; head: SignedHead }> => {
  const { head, body } = await readSigned(request, { clock })
  const id = parseProfileId(request.parameter)
  requireOwner(head, id)
  await body(0)
  return { id, head }
}

const requireUnbanned = async (id: ProfileId, { books }: HostingParts): Promise<void> => {
  if (await books.agreements.standing(id) === 'banned') throw new MercuryError('BANNED', 'this home does not host this profile')
}

const notHosted = (): ProblemError => new ProblemError(404, 'NOT_HOSTED', 'this profile has no agreement with this home')

const answerAgreement = async (id: ProfileId, entry: AgreementEntry, { books, home, describe }: Pick<HostingParts, 'books' | 'home' | 'describe'>, status = 200): Promise<Answer> => {
  const agreement = books.agreements.describe(id, entry, { usedBytes: await books.usage.used(id), addresses: describe().addresses })
  return jsonAnswer(formatAgreement(agreement, home), NO_STORE, status)
}

/** @throws ProblemError `UNSUPPORTED_TYPE` */
export const requireType = ({ headers }: RouteRequest, type: string): void => {
  if (headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase() !== type) throw new ProblemError(415, 'UNSUPPORTED_TYPE', `the body must be ${type}`)
}

const UINT: Schema = { type: 'integer', minimum: 0 }
const ID: Schema = { type: 'string', pattern: '^k51[0-9a-z]{59}$' }
const BYTES_32: Schema = { type: 'string', pattern: '^[A-Za-z0-9_-]{43}$' }
const BYTES_64: Schema = { type: 'string', pattern: '^[A-Za-z0-9_-]{86}$' }
const NEXT: Schema = { anyOf: [BYTES_32, { type: 'null' }], description: 'The pledge: sha2-256 of the next public key.' }

const DESCRIPTION: Schema = {
  type: 'object',
  required: ['home', 'policy', 'addresses', 'limits'],
  properties: {
    home: ID,
    policy: { enum: ['open', 'invitation', 'closed'] },
    addresses: { type: 'array', maxItems: 4, items: { type: 'string', maxLength: 128 } },
    peer: { type: 'string' },
    terms: { type: 'object', required: ['text', 'digest'], properties: { text: { type: 'string' }, digest: BYTES_32 }, additionalProperties: false },
    limits: { type: 'object', required: ['profiles', 'quotaBytes', 'unhostedDays', 'offerHours'], properties: { profiles: UINT, quotaBytes: UINT, unhostedDays: UINT, offerHours: UINT }, additionalProperties: false }
  },
  additionalProperties: false
}

const REQUEST: Schema = {
  type: 'object',
  required: ['persona', 'next'],
  properties: { persona: ID, next: NEXT, pledge: BYTES_64, voucher: { type: 'string', maxLength: 512 }, terms: BYTES_32, peer: { type: 'string', maxLength: 64 } }
}

const AGREEMENT: Schema = {
  type: 'object',
  required: ['persona', 'home', 'state', 'since', 'next', 'sig', 'addresses', 'quotaBytes', 'usedBytes'],
  properties: {
    persona: ID,
    home: ID,
    state: { enum: ['offered', 'active', 'ended'] },
    since: UINT,
    until: UINT,
    next: NEXT,
    sig: BYTES_64,
    addresses: { type: 'array', maxItems: 4, items: { type: 'string', maxLength: 128 } },
    lapsesAt: UINT,
    endedAt: UINT,
    quotaBytes: UINT,
    usedBytes: UINT
  },
  additionalProperties: false
}

const UPLOADED: Schema = { type: 'object', required: ['root', 'blocks', 'bytes'], properties: { root: { type: 'string' }, blocks: UINT, bytes: UINT }, additionalProperties: false }
