import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { CID } from 'multiformats/cid'
import { formatAgreement, formatDescription, readRequest, termsDigest, type AgreementState, type HostingPolicy } from '../../src/hosting/agreement.ts'
import { addressOfUrl } from '../../src/hosting/home-address.ts'
import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import { verifyInvitation } from '../../src/hosting/invitation.ts'
import { parseJson } from '../../src/hosting/json-shape.ts'
import { encodeProfileAnswer, type ProfileAnswer } from '../../src/hosting/profile-answer.ts'
import { checkDigest, verifyRequestHead } from '../../src/hosting/request-signature.ts'
import { acceptHosting, createHashStore, createMemoryStore, createProfiles, createSigner, type HashStore, type HomeEntry, type ProfileId, type Profiles, type Signer } from '../../src/index.ts'
import { parseCar } from '../../src/store/car.ts'
import { NOON } from './world.ts'

/** What a lying home does instead of its answer to a request, by method and path. */
export type Lie = (request: { method: string; path: string; headers: Record<string, string>; body: Uint8Array }, response: ServerResponse) => boolean | Promise<boolean>

export interface SmallHome {
  readonly id: ProfileId
  readonly signer: Signer
  readonly url: string
  readonly profiles: Profiles
  readonly blocks: HashStore
  readonly agreements: Map<ProfileId, { state: AgreementState; entry: HomeEntry; next: Uint8Array | null }>
  /** Requests as they came: `GET /hosting/v1`. */
  readonly requests: string[]
  readonly bans: Set<ProfileId>
  lie: Lie | undefined
  /** Alters what it says of profiles. */
  alter: ((answer: ProfileAnswer) => ProfileAnswer) | undefined
  stop(): Promise<void>
}

/** A home of the least that personas need, whose answers a test can spoil: no quotas, no replays, no chores. */
export const openSmallHome = async ({ seed, policy = 'open', terms, addrs, now = () => NOON }: { seed: number; policy?: HostingPolicy; terms?: string; addrs?: readonly string[]; now?: () => number }): Promise<SmallHome> => {
  const signer = await createSigner(new Uint8Array(32).fill(seed))
  const blocks = createHashStore(createMemoryStore())
  const profiles = createProfiles({ blocks, routers: [], state: createMemoryStore(), volatile: true, clock: now })
  const agreements: SmallHome['agreements'] = new Map()
  const vouchers = new Map<string, number>()
  const requests: string[] = []

  const signed = async (request: IncomingMessage, body: Uint8Array): Promise<ProfileId> => {
    const head = await verifyRequestHead({ method: request.method!, urls: [new URL(request.url!, home.url).href], headers: request.headers }, { now: now() })
    checkDigest(head, body)
    return head.signer
  }

  const agree = async (persona: ProfileId, body: Uint8Array): Promise<object> => {
    const asked = await readRequest(parseJson(body, 'request'))
    if (asked.persona !== persona) throw refusal(403, 'NOT_YOURS')
    const known = agreements.get(persona)
    if (!known || known.state === 'ended') {
      if (policy === 'closed') throw refusal(403, 'CLOSED')
      if (policy === 'invitation') await use(asked.voucher)
      agreements.set(persona, { state: 'offered', next: asked.next, entry: await acceptHosting({ persona, since: Math.floor(now() / 1_000), next: asked.next, addrs: [...home.addresses()].slice(0, 4) }, signer) })
    }
    return agreementOf(persona)
  }

  const use = async (voucher: string | undefined): Promise<void> => {
    if (voucher === undefined) throw refusal(403, 'INVITATION_NEEDED')
    const { digest, uses } = await verifyInvitation(voucher, { home: signer.id, now: now() })
    const used = vouchers.get(digest) ?? 0
    if (used >= uses) throw refusal(403, 'INVITATION_USED')
    vouchers.set(digest, used + 1)
  }

  const agreementOf = (persona: ProfileId): object => {
    const { state, entry, next } = agreements.get(persona) ?? refuse(404, 'NOT_FOUND')
    return formatAgreement({ persona, state, acceptance: entry, next, quotaBytes: 1_000_000, usedBytes: 0 }, signer.id)
  }

  const takeRecord = async (id: ProfileId, record: Uint8Array): Promise<void> => {
    if (bans.has(id)) throw refusal(403, 'BANNED')
    const agreement = agreements.get(id)
    if (!agreement) throw refusal(403, 'NOT_HOSTED')
    await profiles.accept({ record }, { id, wait: 'local' })
    const { document } = await profiles.resolve(id, { policy: 'offline' })
    const isListed = document.homes?.some(({ sig }) => Buffer.from(sig).equals(agreement.entry.sig)) === true
    if (isListed && agreement.state === 'offered') agreement.state = 'active'
    if (!isListed && agreement.state === 'active') agreement.state = 'ended'
  }

  const profile = async (id: ProfileId): Promise<Uint8Array> => {
    if (bans.has(id)) throw refusal(410, 'BANNED')
    const stored = await profiles.stored(id, { document: true }) ?? refuse(404, 'NOT_FOUND')
    const own = await profiles.stored(signer.id)
    const answer: ProfileAnswer = { hosting: agreements.get(id)?.state ?? 'kept', record: stored.record, ...(stored.document ? { document: stored.document } : {}), ...(own ? { home: own.record } : {}) }
    return encodeProfileAnswer(home.alter?.(answer) ?? answer)
  }

  const answer = async (request: IncomingMessage, body: Uint8Array): Promise<{ status?: number; type: string; body: Uint8Array }> => {
    const { pathname } = new URL(request.url!, home.url)
    const [, ...segments] = pathname.split('/')
    const last = segments.at(-1)! as ProfileId
    const json = (value: object, status = 200) => ({ status, type: 'application/json', body: new TextEncoder().encode(JSON.stringify(value)) })
    switch (`${request.method} /${segments.slice(0, pathname.startsWith('/hosting') || pathname.startsWith('/routing') ? 3 : 1).join('/')}`) {
      case 'GET /hosting/v1': return json(formatDescription({ home: signer.id, policy, addresses: [...home.addresses()], ...(terms === undefined ? {} : { terms: { text: terms, digest: termsDigest(terms) } }), limits: { profiles: 10, quotaBytes: 1_000_000, unhostedDays: 30, offerHours: 24 } }))
      case 'POST /hosting/v1/agreements': return json(await agree(await signed(request, body), body), 201)
      case 'GET /hosting/v1/agreements': return json(agreementOf(await signed(request, body)))
      case 'DELETE /hosting/v1/agreements': {
        const agreement = agreements.get(await signed(request, body)) ?? refuse(404, 'NOT_FOUND')
        agreement.state = 'ended'
        return { status: 204, type: 'text/plain', body: new Uint8Array() }
      }
      case 'POST /hosting/v1/blocks': {
        if (!agreements.has(await signed(request, body))) throw refusal(403, 'NOT_HOSTED')
        for (const { cid, bytes } of parseCar(body, (reason) => new Error(reason)).blocks) await blocks.put(cid, bytes)
        return json({})
      }
      case 'PUT /routing/v1/ipns':
        await takeRecord(last, body)
        return json({})
      case 'GET /routing/v1/ipns': return { type: 'application/vnd.ipfs.ipns-record', body: (await profiles.stored(last) ?? refuse(404, 'NOT_FOUND')).record }
      case 'GET /profiles': return { type: 'application/vnd.ipld.dag-cbor', body: await profile(last) }
      case 'GET /ipfs': {
        const block = await blocks.get(CID.parse(last)) ?? refuse(404, 'NOT_FOUND')
        return { status: request.headers.range === undefined ? 200 : 206, type: 'application/vnd.ipld.raw', body: request.headers.range === undefined ? block : block.subarray(0, 1) }
      }
      default: return refuse(404, 'NOT_FOUND')
    }
  }

  const server = createServer((request, response) => { void serve(request, response) })
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url!, home.url).pathname
    requests.push(`${request.method} ${path}`)
    const body = new Uint8Array(await buffer(request))
    if (await home.lie?.({ method: request.method!, path, headers: passedOn(request), body }, response)) return
    const { status = 200, type, body: bytes } = await answer(request, body).catch((error: { status?: number; code?: string; message: string }) => ({
      status: error.status ?? 400, type: 'application/problem+json', body: new TextEncoder().encode(JSON.stringify({ type: 'about:blank', status: error.status ?? 400, detail: error.message, code: error.code }))
    }))
    response.writeHead(status, { 'content-type': type, 'content-length': bytes.byteLength })
    response.end(bytes)
  }
  const bans = new Set<ProfileId>()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const home = { id: signer.id, signer, url, profiles, blocks, agreements, requests, bans, lie: undefined as Lie | undefined, alter: undefined as SmallHome['alter'], addresses: () => addrs ?? [addressOfUrl(url)], stop: () => stop(server, profiles) }
  await profiles.publish({ kind: 'home', name: `Home ${seed}` }, signer, { wait: 'local', first: true, fields: () => ({ addrs: home.addresses() }) })
  return home
}

const stop = async (server: Server, profiles: Profiles): Promise<void> => {
  server.closeAllConnections()
  await new Promise((resolve) => { server.close(resolve) })
  await profiles.close()
}

/** What is signed, and what it is; not what belongs to its connection. */
const passedOn = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(['accept', 'content-type', 'content-digest', 'signature', 'signature-input'].flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])))

const refusal = (status: number, code: string): Error => Object.assign(new Error(`refused: ${code}`), { status, code })
const refuse = (status: number, code: string): never => { throw refusal(status, code) }

/** A way to homes over `fetch`; a home that the user did not name must have a global address unless `allowPrivate`. */
export const openTransport = ({ allowPrivate = true, before }: { allowPrivate?: boolean; before?: (method: string, url: string) => void | Promise<void> } = {}): HomeTransport & { sent: string[] } => {
  const sent: string[] = []
  return {
    sent,
    async send ({ url, method, headers, body, maxBytes, trusted }, { signal } = {}) {
      signal?.throwIfAborted()
      if (!trusted && !allowPrivate) throw new Error('the address is not a global one')
      await before?.(method, url)
      sent.push(`${method} ${url}`)
      const response = await fetch(url, { method, headers: { ...headers, connection: 'close' }, redirect: 'manual', ...(body ? { body: Uint8Array.from(body) } : {}), signal: AbortSignal.any([AbortSignal.timeout(2_000), ...(signal ? [signal] : [])]) })
      const chunks: Uint8Array[] = []
      let length = 0
      for await (const chunk of response.body ?? []) {
        length += (chunk as Uint8Array).byteLength
        if (length > maxBytes) throw new Error('the answer is too long')
        chunks.push(chunk as Uint8Array)
      }
      return { status: response.status, headers: Object.fromEntries(response.headers), body: new Uint8Array(Buffer.concat(chunks)) }
    },
    close: async () => {}
  }
}
