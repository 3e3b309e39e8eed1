import { describeKey, encode, idBytesOf, keyPair, sealed, sha256, signBytes, type Fields, type KeyPair } from './forge.ts'
import { writeFrozen } from './frozen.ts'

/** Writes invitation.json and request.json: `node test/vectors/make-hosting.ts`. */

const alice = keyPair('alice')
const home = keyPair('home')
const mallory = keyPair('mallory')
const TIME = 1_800_000_000
const CONTEXT = 'mercury/invitation/1'
const SMALL_ORDER_KEY = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))

export interface InvitationCase {
  name: string
  voucher: string
  /** Milliseconds since 1970. */
  now?: number
  verdict: string
  path?: string
  /** base32 of the sha2-256 of what the voucher encodes; of accepted ones. */
  digest?: string
  uses?: number
  expires?: number
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
/** RFC 4648 in lower case, without padding. */
const base32 = (bytes: Uint8Array): string => {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five.padEnd(5, '0'), 2)]).join('')
}

export const invitationVectors = () => {
  const cases: InvitationCase[] = []
  const nonce = sha256('nonce').subarray(0, 16)
  const invite = (change: Fields = {}, key: KeyPair = home, context = CONTEXT): Fields => sealed(context, { v: 1, home: home.idBytes, expires: TIME, uses: 1, nonce, ...change }, key)
  const add = (name: string, map: Fields, verdict: string, { path, now }: { path?: string; now?: number } = {}): void => {
    const bytes = encode(map)
    cases.push({ name, voucher: base64url(bytes), ...(now === undefined ? {} : { now }), verdict, ...(path === undefined ? {} : { path }), ...(verdict === 'accept' ? { digest: base32(sha256(bytes)), uses: map.uses as number, expires: map.expires as number } : {}) })
  }
  const malformed = (name: string, change: Fields, path: string): void => add(name, invite(change), 'INVALID_INVITATION', { path })
  add('a home invites one', invite(), 'accept')
  add('a home invites a thousand', invite({ uses: 1_000 }), 'accept')
  add('a millisecond before its end', invite(), 'accept', { now: TIME * 1_000 - 1 })
  add('at its end', invite(), 'INVITATION_EXPIRED', { now: TIME * 1_000 })
  add('with a key of a later time: it is covered', invite({ also: 1 }), 'accept')
  add('a key that is not covered', { ...invite(), also: 1 }, 'INVALID_SIGNATURE')
  add('more uses than were signed', { ...invite(), uses: 2 }, 'INVALID_SIGNATURE')
  add('a later end than was signed', { ...invite(), expires: TIME + 1 }, 'INVALID_SIGNATURE')
  add('by another key', invite({}, mallory), 'INVALID_SIGNATURE')
  add('of another home', invite({ home: mallory.idBytes }, mallory), 'INVALID_INVITATION', { path: 'home' })
  for (const context of ['profile', 'pledge', 'hosting', 'relation'].map((name) => `mercury/${name}/1`)) add(`in the context ${context}`, invite({}, home, context), 'INVALID_SIGNATURE')
  for (const key of ['v', 'home', 'expires', 'uses', 'nonce']) {
    const rest = Object.fromEntries(Object.entries(invite()).filter(([name]) => name !== key && name !== 'sig'))
    add(`${key} absent`, sealed(CONTEXT, rest, home), 'INVALID_INVITATION', { path: key })
  }
  malformed('no use', { uses: 0 }, 'uses')
  malformed('1,001 uses', { uses: 1_001 }, 'uses')
  malformed('uses is text', { uses: '1' }, 'uses')
  malformed('expires is negative', { expires: -1 }, 'expires')
  malformed('a nonce of 15 bytes', { nonce: nonce.subarray(1) }, 'nonce')
  add('v is 2', invite({ v: 2 }), 'UNSUPPORTED')
  add('the home is a key of small order', invite({ home: idBytesOf(SMALL_ORDER_KEY) }), 'INVALID_PROFILE_ID')
  add('sig has 63 bytes', { ...invite(), sig: new Uint8Array(63) }, 'INVALID_INVITATION', { path: 'sig' })
  const text = (name: string, voucher: string): void => void cases.push({ name, voucher, verdict: 'INVALID_INVITATION' })
  text('nothing', '')
  text('no base64url', 'not a voucher!')
  text('no CBOR', base64url(sha256('anything')))
  text('cut short', base64url(encode(invite())).slice(0, -4))
  return { about: 'Invitations of homes; README.md says how to read this file', spec: 'docs/spec.md#invitation', keys: [home, mallory].map(describeKey), cases }
}

export interface RequestCase {
  name: string
  method: string
  url: string
  /** Text. */
  body: string
  headers: Record<string, string>
  /** Milliseconds since 1970. */
  now: number
  verdict: string
  signer?: string
}

/** RFC 9421 as its text says it, over headers that a test may bend. */
export const requestVectors = () => {
  const cases: RequestCase[] = []
  const url = 'https://home.example/hosting/v1/agreements'
  const body = '{"persona":"alice"}'
  const digestOf = (text: string): string => `sha-256=:${base64(sha256(text))}:`
  const covered = '("@method" "@target-uri" "content-digest")'
  const parameters = (change: Record<string, string | undefined> = {}): string => Object.entries({ created: String(TIME), nonce: '"0123456789abcdef"', keyid: `"${alice.id}"`, alg: '"ed25519"', tag: '"mercury"', ...change }).flatMap(([name, value]) => (value === undefined ? [] : [`;${name}=${value}`])).join('')
  const signed = ({ method = 'POST', target = url, digest = digestOf(body), components = covered, params = parameters(), key = alice, label = 'mercury' }: { method?: string; target?: string; digest?: string; components?: string; params?: string; key?: KeyPair; label?: string } = {}): Record<string, string> => {
    const values: Record<string, string> = { '"@method"': method, '"@target-uri"': target, '"content-digest"': digest }
    const lines = components.slice(1, -1).split(' ').filter((name) => name in values).map((name) => `${name}: ${values[name]}`)
    const base = [...lines, `"@signature-params": ${components}${params}`].join('\n')
    return { 'content-digest': digest, 'signature-input': `${label}=${components}${params}`, signature: `${label}=:${base64(signBytes(key, Buffer.from(base)))}:` }
  }
  const add = (name: string, headers: Record<string, string>, verdict: string, { method = 'POST', target = url, sent = body, now = TIME * 1_000 }: { method?: string; target?: string; sent?: string; now?: number } = {}): void => {
    cases.push({ name, method, url: target, body: sent, headers, now, verdict, ...(verdict === 'accept' ? { signer: alice.id } : {}) })
  }
  add('as it must be', signed(), 'accept')
  add('without a body', signed({ method: 'GET', digest: digestOf('') }), 'accept', { method: 'GET', sent: '' })
  add('components in another order', signed({ components: '("content-digest" "@target-uri" "@method")' }), 'accept')
  add('parameters in another order', signed({ params: `;tag="mercury";alg="ed25519";keyid="${alice.id}";nonce="0123456789abcdef";created=${TIME}` }), 'accept')
  add('another label', signed({ label: 'sig1' }), 'accept')
  add('60 s old', signed(), 'accept', { now: (TIME + 60) * 1_000 })
  add('60 s ahead', signed(), 'accept', { now: (TIME - 60) * 1_000 })
  add('with an end that has not come', signed({ params: parameters({ expires: String(TIME + 10) }) }), 'accept')
  for (const name of ['content-digest', 'signature-input', 'signature']) add(`no ${name}`, Object.fromEntries(Object.entries(signed()).filter(([key]) => key !== name)), 'SIGNATURE_MISSING')
  add('61 s old', signed(), 'SIGNATURE_EXPIRED', { now: (TIME + 61) * 1_000 })
  add('61 s ahead', signed(), 'SIGNATURE_EXPIRED', { now: (TIME - 61) * 1_000 })
  add('past its own end', signed({ params: parameters({ expires: String(TIME) }) }), 'SIGNATURE_EXPIRED', { now: TIME * 1_000 + 1 })
  add('another method', signed(), 'SIGNATURE_INVALID', { method: 'DELETE' })
  add('another path', signed(), 'SIGNATURE_INVALID', { target: `${url}/x` })
  add('another home', signed(), 'SIGNATURE_INVALID', { target: 'https://other.example/hosting/v1/agreements' })
  add('by another key', signed({ key: mallory }), 'SIGNATURE_INVALID')
  add('in the name of another', signed({ params: parameters({ keyid: `"${mallory.id}"` }) }), 'SIGNATURE_INVALID')
  add('another body', signed(), 'DIGEST_MISMATCH', { sent: '{}' })
  for (const alg of ['"rsa-v1_5-sha256"', '"hmac-sha256"', '"Ed25519"', undefined]) add(`alg is ${alg ?? 'absent'}`, signed({ params: parameters({ alg }) }), 'ALGORITHM_REFUSED')
  for (const name of ['created', 'nonce', 'keyid', 'tag']) add(`${name} absent`, signed({ params: parameters({ [name]: undefined }) }), 'SIGNATURE_MALFORMED')
  for (const name of ['created', 'nonce', 'keyid', 'alg', 'tag']) add(`${name} twice`, signed({ params: `${parameters()}${/;[a-z]+=/.exec(parameters().slice(parameters().indexOf(`;${name}=`)))![0]}${parameters().slice(parameters().indexOf(`;${name}=`) + name.length + 2).split(';')[0]}` }), 'SIGNATURE_MALFORMED')
  add('a parameter that is not known', signed({ params: `${parameters()};context="x"` }), 'SIGNATURE_MALFORMED')
  add('a tag of another protocol', signed({ params: parameters({ tag: '"other"' }) }), 'SIGNATURE_MALFORMED')
  add('a nonce of 15 characters', signed({ params: parameters({ nonce: '"0123456789abcde"' }) }), 'SIGNATURE_MALFORMED')
  add('a nonce of 65 characters', signed({ params: parameters({ nonce: `"${'0'.repeat(65)}"` }) }), 'SIGNATURE_MALFORMED')
  add('created is text', signed({ params: parameters({ created: `"${TIME}"` }) }), 'SIGNATURE_MALFORMED')
  add('the keyid in another spelling', signed({ params: parameters({ keyid: `"/ipns/${alice.id}"` }) }), 'SIGNATURE_MALFORMED')
  for (const components of ['("@method" "@target-uri")', '("@target-uri" "content-digest")', '("@method" "content-digest")', '()']) add(`covers ${components}`, signed({ components }), 'SIGNATURE_MALFORMED')
  add('covers one twice', signed({ components: '("@method" "@target-uri" "content-digest" "@method")' }), 'SIGNATURE_MALFORMED')
  add('covers something else as well', signed({ components: '("@method" "@target-uri" "content-digest" "date")' }), 'SIGNATURE_MALFORMED')
  const both = signed()
  add('two signatures', { ...both, 'signature-input': `${both['signature-input']}, sig2=${covered}${parameters()}` }, 'SIGNATURE_MALFORMED')
  add('a signature of another label', { ...both, signature: both.signature!.replace('mercury=', 'sig1=') }, 'SIGNATURE_MALFORMED')
  add('a signature of 63 bytes', { ...both, signature: `mercury=:${base64(new Uint8Array(63))}:` }, 'SIGNATURE_MALFORMED')
  add('a digest of another kind', { ...both, 'content-digest': both['content-digest']!.replace('sha-256', 'sha-512') }, 'SIGNATURE_MALFORMED')
  add('two digests', { ...both, 'content-digest': `${both['content-digest']}, ${both['content-digest']}` }, 'SIGNATURE_MALFORMED')
  return { about: 'Signed requests to homes; README.md says how to read this file', spec: 'docs/spec.md#signed-requests', keys: [alice, mallory].map(describeKey), cases }
}

export const hostingVectors = { invitation: invitationVectors, request: requestVectors }

if (import.meta.main) for (const [name, make] of Object.entries(hostingVectors)) writeFrozen(name, make())
