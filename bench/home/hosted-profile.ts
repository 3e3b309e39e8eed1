import type { ProfileId } from '../../src/identity/profile-id.ts'
import type { Signer } from '../../src/identity/signer.ts'
import { formatRequest, readAgreement } from '../../src/hosting/agreement.ts'
import { parseJson } from '../../src/hosting/json-shape.ts'
import { signRequest } from '../../src/hosting/request-signature.ts'
import { IPNS_RECORD_TYPE } from '../../src/naming/name-router.ts'
import { createValidRecord } from '../../src/naming/record.ts'
import { documentDigest, signDocument, type SignedDocument } from '../../src/profile/document.ts'
import type { ProfileDraft } from '../../src/profile/draft.ts'
import { prepareRequest, type Connection, type PreparedRequest } from './connection.ts'

/** Where the home under load is. */
export interface Target {
  readonly home: ProfileId
  readonly port: number
}

/** A profile that joins a home and publishes there, each request made before it is sent. */
export class HostedProfile {
  readonly signer: Signer
  private readonly draft: ProfileDraft
  private readonly target: Target
  /** Whom the home's proxy says that the requests come from: each profile has a device of its own. */
  private readonly client: string
  private latest: SignedDocument | undefined

  constructor (signer: Signer, draft: ProfileDraft, index: number, target: Target) {
    this.signer = signer
    this.draft = draft
    this.target = target
    this.client = `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`
  }

  get id (): ProfileId {
    return this.signer.id
  }

  /** Asks for an agreement and signs the first version with it. @returns the version, to be put */
  async join (connection: Connection): Promise<PreparedRequest> {
    const { signer, target: { home } } = this
    const { pledge } = signer
    const body = Buffer.from(JSON.stringify(formatRequest({ persona: signer.id, next: pledge?.next ?? null, ...(pledge ? { pledge: pledge.sig } : {}) })))
    const path = '/hosting/v1/agreements'
    const signed = await signRequest({ method: 'POST', url: `http://${this.host}${path}`, body }, signer)
    const answer = await connection.send(this.prepare('POST', path, { 'content-type': 'application/json', ...signed }, body))
    if (answer.status !== 201) throw new Error(`joining failed with ${answer.status}: ${answer.body.toString()}`)
    const { acceptance } = await readAgreement(parseJson(answer.body, 'agreement'), { persona: signer.id, next: pledge?.next ?? null, home })
    this.latest = await signDocument(this.draft, signer, this.version(), { fields: { homes: [acceptance] } })
    return this.put(this.latest)
  }

  /** Signs the next version. @returns it, to be put */
  async update (): Promise<PreparedRequest> {
    this.latest = await signDocument(this.draft, this.signer, this.version(), { base: this.latest!.document })
    return this.put(this.latest)
  }

  get (): PreparedRequest {
    return this.prepare('GET', this.path, { accept: IPNS_RECORD_TYPE })
  }

  private version (): { seq: number; prev: Uint8Array | null; time: number } {
    const time = Math.floor(Date.now() / 1_000)
    return this.latest ? { seq: this.latest.document.seq + 1, prev: documentDigest(this.latest.cid), time } : { seq: time, prev: null, time }
  }

  private async put (signed: SignedDocument): Promise<PreparedRequest> {
    const { bytes } = await createValidRecord(signed, this.signer)
    return this.prepare('PUT', this.path, { 'content-type': IPNS_RECORD_TYPE }, bytes)
  }

  private prepare (method: string, path: string, headers: Readonly<Record<string, string>>, body?: Uint8Array): PreparedRequest {
    return prepareRequest(method, path, { host: this.host, headers: { 'x-forwarded-for': this.client, ...headers }, ...(body ? { body } : {}) })
  }

  private get path (): string {
    return `/routing/v1/ipns/${this.id}`
  }

  private get host (): string {
    return `127.0.0.1:${this.target.port}`
  }
}
