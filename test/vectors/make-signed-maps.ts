import { blockCid, describeKey, encode, idBytesOf, joined, keyPair, pledgeTo, sealed, sha256, signFields, type Fields, type KeyPair } from './forge.ts'
import { hex, writeFrozen } from './frozen.ts'

/** Writes pledge.json, acceptance.json, succession.json, relation.json and revocation.json: `node test/vectors/make-signed-maps.ts`. */

const alice = keyPair('alice')
const aliceNext = keyPair('alice, generation 1')
const bob = keyPair('bob')
const home = keyPair('home')
const mallory = keyPair('mallory')
const TIME = 1_800_000_000
const SMALL_ORDER_KEY = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))
const CONTEXTS = ['profile', 'pledge', 'succession', 'hosting', 'relation', 'revocation', 'manifest', 'invitation', 'mail'].map((name) => `mercury/${name}/1`)
const otherContexts = (own: string): string[] => CONTEXTS.filter((context) => context !== own)

/** `accept`, or the code of the error, and the field at fault where the error names one. */
interface Verdict { verdict: string; path?: string }
const verdictOf = (verdict: string, path?: string): Verdict => ({ verdict, ...(path === undefined ? {} : { path }) })
const omit = (map: Fields, ...keys: string[]): Fields => Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)))

export interface PledgeCase extends Verdict { name: string; id: string; next: string; sig: string }

export const pledgeVectors = () => {
  const cases: PledgeCase[] = []
  const { next, pledge } = pledgeTo(alice, aliceNext)
  const body = { v: 1, id: alice.idBytes, next }
  const add = (name: string, verdict: string, { id = alice.id, digest = next, sig = pledge } = {}): void => {
    cases.push({ name, id, next: hex(digest), sig: hex(sig), verdict })
  }
  add('alice pledges herself to her next key', 'accept')
  add('by another key', 'INVALID_SIGNATURE', { sig: signFields('mercury/pledge/1', body, mallory) })
  add('of another profile', 'INVALID_SIGNATURE', { id: bob.id })
  add('to another key', 'INVALID_SIGNATURE', { digest: sha256(mallory.publicKey) })
  add('over the next key itself', 'INVALID_SIGNATURE', { sig: signFields('mercury/pledge/1', { ...body, next: aliceNext.publicKey }, alice) })
  add('over a body of version 2', 'INVALID_SIGNATURE', { sig: signFields('mercury/pledge/1', { ...body, v: 2 }, alice) })
  add('over a body with one more key', 'INVALID_SIGNATURE', { sig: signFields('mercury/pledge/1', { ...body, also: 1 }, alice) })
  add('to a digest of 31 bytes, signed', 'INVALID_SIGNATURE', { digest: next.subarray(1), sig: signFields('mercury/pledge/1', { ...body, next: next.subarray(1) }, alice) })
  add('a signature of 63 bytes', 'INVALID_SIGNATURE', { sig: pledge.subarray(1) })
  add('one bit of the signature', 'INVALID_SIGNATURE', { sig: pledge.with(0, pledge[0]! ^ 1) })
  for (const context of otherContexts('mercury/pledge/1')) add(`in the context ${context}`, 'INVALID_SIGNATURE', { sig: signFields(context, body, alice) })
  return { about: 'Pledges; README.md says how to read this file', spec: 'docs/spec.md#pledge', keys: [alice, aliceNext, bob, mallory].map(describeKey), cases }
}

export interface AcceptanceCase extends Verdict {
  name: string
  /** The entry of `homes`, as CBOR. */
  entry: string
  persona: string
  next: string | null
  /** Unix seconds. */
  at?: number
  home?: string
}

export const acceptanceVectors = () => {
  const cases: AcceptanceCase[] = []
  const { next } = pledgeTo(alice, aliceNext)
  const terms = { v: 1, persona: alice.idBytes, home: home.idBytes, since: TIME, next }
  const entryOf = (body: Fields = terms, key = home, context = 'mercury/hosting/1'): Fields => ({ id: home.idBytes, since: TIME, ...('until' in body ? { until: body.until } : {}), sig: signFields(context, body, key) })
  const entry = entryOf()
  const ending = entryOf({ ...terms, until: TIME + 100 })
  const add = (name: string, of: Fields, verdict: string, { path, persona = alice.id, digest = next, at }: { path?: string; persona?: string; digest?: Uint8Array | null; at?: number } = {}): void => {
    cases.push({ name, entry: hex(encode(of)), persona, next: digest && hex(digest), ...(at === undefined ? {} : { at }), ...verdictOf(verdict, path), ...(verdict === 'accept' ? { home: home.id } : {}) })
  }
  const malformed = (name: string, change: Fields, path: string): void => add(name, { ...entry, ...change }, 'INVALID_ACCEPTANCE', { path })
  add('a home accepts a persona', entry, 'accept')
  add('a persona without a pledge', entryOf({ ...terms, next: null }), 'accept', { digest: null })
  add('with an end, not asked for', ending, 'accept')
  add('a second before its end', ending, 'accept', { at: TIME + 99 })
  add('at its end', ending, 'ACCEPTANCE_ENDED', { at: TIME + 100 })
  add('before it begins: a clock that is ahead does no harm', entry, 'accept', { at: TIME - 1 })
  add('long after, without an end', entry, 'accept', { at: Number.MAX_SAFE_INTEGER })
  add('the greatest times', entryOf({ ...terms, until: Number.MAX_SAFE_INTEGER }), 'ACCEPTANCE_ENDED', { at: Number.MAX_SAFE_INTEGER })
  add('addresses are not covered by the signature', { ...entry, addrs: ['/dns4/home.example/tcp/4001'] }, 'accept')
  add('another key of the entry is not either', { ...entry, other: 1 }, 'accept')
  add('copied into the document of another persona', entry, 'INVALID_SIGNATURE', { persona: mallory.id })
  add('for another pledge than the persona shows', entry, 'INVALID_SIGNATURE', { digest: sha256(mallory.publicKey) })
  add('for a pledge where the persona shows none', entry, 'INVALID_SIGNATURE', { digest: null })
  add('by another key', entryOf(terms, mallory), 'INVALID_SIGNATURE')
  add('by the persona itself', entryOf(terms, alice), 'INVALID_SIGNATURE')
  add('under the name of another home', { ...entry, id: mallory.idBytes }, 'INVALID_SIGNATURE')
  add('with another beginning', { ...entry, since: TIME + 1 }, 'INVALID_SIGNATURE')
  add('with a later end', { ...ending, until: TIME + 101 }, 'INVALID_SIGNATURE')
  add('with its end taken away', omit(ending, 'until'), 'INVALID_SIGNATURE')
  add('with an end put to it', { ...entry, until: TIME + 100 }, 'INVALID_SIGNATURE')
  add('over one more key', entryOf({ ...terms, also: 1 }), 'INVALID_SIGNATURE')
  for (const context of otherContexts('mercury/hosting/1')) add(`in the context ${context}`, entryOf(terms, home, context), 'INVALID_SIGNATURE')
  for (const key of ['id', 'since', 'sig']) add(`${key} absent`, omit(entry, key), 'INVALID_ACCEPTANCE', { path: key })
  malformed('id is text', { id: home.id }, 'id')
  malformed('id has 37 bytes', { id: home.idBytes.subarray(1) }, 'id')
  add('id is a key of small order', { ...entry, id: idBytesOf(SMALL_ORDER_KEY) }, 'INVALID_PROFILE_ID')
  malformed('since is -1', { since: -1 }, 'since')
  malformed('since is text', { since: '1' }, 'since')
  malformed('until is null', { until: null }, 'until')
  malformed('sig has 63 bytes', { sig: new Uint8Array(63) }, 'sig')
  malformed('addrs is text', { addrs: 'a' }, 'addrs')
  add('4 addresses of 128 bytes', { ...entry, addrs: Array.from({ length: 4 }, () => 'a'.repeat(128)) }, 'accept')
  malformed('5 addresses', { addrs: Array.from({ length: 5 }, () => 'a') }, 'addrs')
  malformed('an address of 129 bytes', { addrs: ['a'.repeat(129)] }, 'addrs[0]')
  return { about: 'Acceptances of homes; README.md says how to read this file', spec: 'docs/spec.md#home-entry', keys: [alice, aliceNext, home, mallory].map(describeKey), cases }
}

export interface SuccessionCase extends Verdict { name: string; bytes: string; from?: string; to?: string; last?: string | null; time?: number }

export const successionVectors = () => {
  const cases: SuccessionCase[] = []
  const body: Fields = { v: 1, from: alice.idBytes, key: aliceNext.publicKey, pledge: pledgeTo(alice, aliceNext).pledge, last: sha256('the last document'), time: TIME }
  const seal = (change: Fields = {}, key: KeyPair = aliceNext, context = 'mercury/succession/1'): Fields => sealed(context, { ...body, ...change }, key)
  const add = (name: string, map: Fields, verdict: string, path?: string): void => {
    const { last, time } = map as { last: Uint8Array | null; time: number }
    cases.push({ name, bytes: hex(encode(map)), ...verdictOf(verdict, path), ...(verdict === 'accept' ? { from: alice.id, to: aliceNext.id, last: last && hex(last), time } : {}) })
  }
  const malformed = (name: string, change: Fields, path: string): void => add(name, seal(change), 'INVALID_SUCCESSION', path)
  add('alice goes over to her next key', seal(), 'accept')
  add('standing by no document', seal({ last: null }), 'accept')
  add('with a key of a later time: it is covered', seal({ also: { kept: 1 } }), 'accept')
  add('time 2^53 - 1', seal({ time: Number.MAX_SAFE_INTEGER }), 'accept')
  add('a key that is not covered', { ...seal(), also: 1 }, 'INVALID_SIGNATURE')
  add('signed by the old key', seal({}, alice), 'INVALID_SIGNATURE')
  add('signed by a stranger', seal({}, mallory), 'INVALID_SIGNATURE')
  add('to a key that nobody was pledged to', seal({ key: mallory.publicKey }, mallory), 'INVALID_SIGNATURE')
  add('to a key that a stranger pledged her to', seal({ key: mallory.publicKey, pledge: signFields('mercury/pledge/1', { v: 1, id: alice.idBytes, next: sha256(mallory.publicKey) }, mallory) }, mallory), 'INVALID_SIGNATURE')
  add('with the pledge of another profile', seal({ from: bob.idBytes }), 'INVALID_SIGNATURE')
  add('another last', { ...seal(), last: null }, 'INVALID_SIGNATURE')
  add('another time', { ...seal(), time: TIME + 1 }, 'INVALID_SIGNATURE')
  add('one bit of the pledge', seal({ pledge: flipped(body.pledge as Uint8Array) }), 'INVALID_SIGNATURE')
  for (const context of otherContexts('mercury/succession/1')) add(`in the context ${context}`, seal({}, aliceNext, context), 'INVALID_SIGNATURE')
  add('to the very same key', sealed('mercury/succession/1', { ...body, key: alice.publicKey, pledge: pledgeTo(alice, alice).pledge }, alice), 'INVALID_SUCCESSION', 'key')
  for (const key of ['v', 'from', 'key', 'pledge', 'last', 'time']) add(`${key} absent`, sealed('mercury/succession/1', omit(body, key), aliceNext), 'INVALID_SUCCESSION', key)
  add('sig absent', body, 'INVALID_SUCCESSION', 'sig')
  add('v is 2', seal({ v: 2 }), 'UNSUPPORTED')
  malformed('v is text', { v: '1' }, 'v')
  malformed('from is text', { from: alice.id }, 'from')
  malformed('from has 37 bytes', { from: alice.idBytes.subarray(1) }, 'from')
  add('from is a key of small order', seal({ from: idBytesOf(SMALL_ORDER_KEY) }), 'INVALID_PROFILE_ID')
  malformed('key has 31 bytes', { key: aliceNext.publicKey.subarray(1) }, 'key')
  malformed('key is the 38 bytes of an ID', { key: aliceNext.idBytes }, 'key')
  add('key is of small order', seal({ key: SMALL_ORDER_KEY }), 'INVALID_PUBLIC_KEY')
  malformed('pledge has 63 bytes', { pledge: new Uint8Array(63) }, 'pledge')
  malformed('pledge is null', { pledge: null }, 'pledge')
  malformed('last has 31 bytes', { last: new Uint8Array(31) }, 'last')
  malformed('last is a link', { last: blockCid(Uint8Array.of(1)) }, 'last')
  malformed('time is -1', { time: -1 }, 'time')
  malformed('time is text', { time: '1' }, 'time')
  add('sig has 65 bytes', { ...body, sig: new Uint8Array(65) }, 'INVALID_SUCCESSION', 'sig')
  return { about: 'Successions; README.md says how to read this file', spec: 'docs/spec.md#succession', keys: [alice, aliceNext, bob, mallory].map(describeKey), cases }
}

/** IDs are compared as their 38 bytes. */
const [smaller, greater] = [alice, bob].sort((a, b) => Buffer.compare(a.idBytes, b.idBytes)) as [KeyPair, KeyPair]
const relationBody = { v: 1, type: 'org.example.shop/customer', from: greater.idBytes, to: smaller.idBytes, nonce: sha256('nonce').subarray(0, 16), time: TIME, until: TIME + 100 }
const prove = (change: Fields = {}, { fromKey = greater, toKey = smaller, context = 'mercury/relation/1' } = {}): Fields => {
  const body = { ...relationBody, ...change }
  return { ...body, fromSig: signFields(context, body, fromKey), toSig: signFields(context, body, toKey) }
}
const contact = (change: Fields = {}, sides: { fromKey?: KeyPair; toKey?: KeyPair } = {}): Fields => prove({ type: 'contact', from: smaller.idBytes, to: greater.idBytes, ...change }, { fromKey: smaller, toKey: greater, ...sides })
const digestOf = (proof: Fields): string => hex(sha256(encode(omit(proof, 'fromSig', 'toSig'))))

export interface RelationCase extends Verdict {
  name: string
  /** The proof, as CBOR. */
  bytes: string
  expect: { now: number; type?: string; from?: string; to?: string }
  /** sha2-256 of the body. */
  digest?: string
}

export interface HalfProofCase extends Verdict {
  name: string
  /** The half proof, as CBOR. */
  half: string
  /** The name of the key that completes it. */
  by: string
  /** The proof, as CBOR. */
  proof?: string
}

export const relationVectors = () => {
  const cases: RelationCase[] = []
  const halves: HalfProofCase[] = []
  const add = (name: string, proof: Fields, verdict: string, { path, ...expect }: { path?: string; now?: number; type?: string; from?: string; to?: string } = {}): void => {
    cases.push({ name, bytes: hex(encode(proof)), expect: { now: TIME, ...expect }, ...verdictOf(verdict, path), ...(verdict === 'accept' ? { digest: digestOf(proof) } : {}) })
  }
  const malformed = (name: string, change: Fields, path: string): void => add(name, prove(change), 'INVALID_RELATION', { path })
  add('a relation with a direction, from the greater ID', prove(), 'accept')
  add('just this relation', prove(), 'accept', { type: 'org.example.shop/customer', from: greater.id, to: smaller.id })
  add('a contact', contact(), 'accept')
  add('a call between', contact({ type: 'enable_call_between' }), 'accept')
  const endless = omit(relationBody, 'until')
  add('without an end, long after', { ...endless, fromSig: signFields('mercury/relation/1', endless, greater), toSig: signFields('mercury/relation/1', endless, smaller) }, 'accept', { now: Number.MAX_SAFE_INTEGER })
  add('with a key of a later time: it is covered', prove({ also: { kept: 1 } }), 'accept')
  add('another type than asked for', prove(), 'RELATION_MISMATCH', { type: 'contact' })
  add('another from than asked for', prove(), 'RELATION_MISMATCH', { from: mallory.id })
  add('another to than asked for', prove(), 'RELATION_MISMATCH', { to: mallory.id })
  add('the other direction than asked for', prove(), 'RELATION_MISMATCH', { from: smaller.id, to: greater.id })
  add('a second before it begins', prove(), 'RELATION_NOT_YET_VALID', { now: TIME - 1 })
  add('a second before its end', prove(), 'accept', { now: TIME + 99 })
  add('at its end', prove(), 'RELATION_ENDED', { now: TIME + 100 })
  add('it begins at 2^53 - 2', prove({ time: Number.MAX_SAFE_INTEGER - 1, until: Number.MAX_SAFE_INTEGER }), 'RELATION_NOT_YET_VALID')
  malformed('its end is its beginning', { until: TIME }, 'until')
  malformed('its end is before its beginning', { until: TIME - 1 }, 'until')
  malformed('with oneself', { to: greater.idBytes }, 'to')
  add('a contact from the greater ID', prove({ type: 'contact' }), 'INVALID_RELATION', { path: 'from' })
  add('a call from the greater ID', prove({ type: 'enable_call_between' }), 'INVALID_RELATION', { path: 'from' })
  add('fromSig alone', omit(prove(), 'toSig'), 'INVALID_RELATION', { path: 'toSig' })
  add('toSig alone', omit(prove(), 'fromSig'), 'INVALID_RELATION', { path: 'fromSig' })
  add('the signatures of the two exchanged', prove({}, { fromKey: smaller, toKey: greater }), 'INVALID_SIGNATURE')
  add('both signatures by one side', prove({}, { toKey: greater }), 'INVALID_SIGNATURE')
  add('one signature by a stranger', prove({}, { toKey: mallory }), 'INVALID_SIGNATURE')
  add('copied to another profile', { ...prove(), to: mallory.idBytes }, 'INVALID_SIGNATURE')
  add('of another type than signed', { ...prove(), type: 'org.example.shop/owner' }, 'INVALID_SIGNATURE')
  add('with its end taken away', omit(prove(), 'until'), 'INVALID_SIGNATURE')
  add('a key that is not covered', { ...prove(), also: 1 }, 'INVALID_SIGNATURE')
  for (const context of otherContexts('mercury/relation/1')) add(`in the context ${context}`, prove({}, { context }), 'INVALID_SIGNATURE')
  for (const key of ['v', 'type', 'from', 'to', 'nonce', 'time']) add(`${key} absent`, omit(prove(), key), 'INVALID_RELATION', { path: key })
  add('v is 2', prove({ v: 2 }), 'UNSUPPORTED')
  malformed('v is text', { v: '1' }, 'v')
  malformed('type is empty', { type: '' }, 'type')
  add('type has 64 bytes', prove({ type: 't'.repeat(64) }), 'accept')
  malformed('type has 65 bytes', { type: 't'.repeat(65) }, 'type')
  malformed('from is text', { from: greater.id }, 'from')
  malformed('from has 37 bytes', { from: greater.idBytes.subarray(1) }, 'from')
  add('to is a key of small order', prove({ to: idBytesOf(SMALL_ORDER_KEY) }), 'INVALID_PROFILE_ID')
  malformed('nonce has 15 bytes', { nonce: new Uint8Array(15) }, 'nonce')
  malformed('nonce has 17 bytes', { nonce: new Uint8Array(17) }, 'nonce')
  malformed('time is -1', { time: -1 }, 'time')
  malformed('until is null', { until: null }, 'until')
  add('fromSig has 63 bytes', { ...prove(), fromSig: new Uint8Array(63) }, 'INVALID_RELATION', { path: 'fromSig' })

  const half = (name: string, of: Fields, by: KeyPair, verdict: string, path?: string): void => {
    halves.push({ name, half: hex(encode(of)), by: by.name, ...verdictOf(verdict, path), ...(verdict === 'accept' ? { proof: hex(encode({ ...of, [by === greater ? 'fromSig' : 'toSig']: signFields('mercury/relation/1', omit(of, 'fromSig', 'toSig'), by) })) } : {}) })
  }
  half('to completes what from signed', omit(prove(), 'toSig'), smaller, 'accept')
  half('from completes what to signed', omit(prove(), 'fromSig'), greater, 'accept')
  half('from completes what from signed', omit(prove(), 'toSig'), greater, 'NOT_A_PARTY')
  half('a stranger completes it', omit(prove(), 'toSig'), mallory, 'NOT_A_PARTY')
  half('a half that nobody signed', relationBody, smaller, 'INVALID_RELATION', 'fromSig')
  half('a half that a stranger signed', omit(prove({}, { fromKey: mallory }), 'toSig'), smaller, 'INVALID_SIGNATURE')
  half('a half that was changed', { ...omit(prove(), 'toSig'), type: 'org.example.shop/owner' }, smaller, 'INVALID_SIGNATURE')
  return { about: 'Relations; README.md says how to read this file', spec: 'docs/spec.md#relation', keys: [alice, bob, mallory].map(describeKey), cases, halves }
}

export interface RevocationCase extends Verdict {
  name: string
  /** The relation's proof, as CBOR. */
  relation: string
  /** The revocation, as CBOR. */
  bytes: string
}

export const revocationVectors = () => {
  const cases: RevocationCase[] = []
  const proof = prove()
  const digest = sha256(encode(omit(proof, 'fromSig', 'toSig')))
  const revoke = (change: Fields = {}, key: KeyPair = greater, context = 'mercury/revocation/1'): Fields => sealed(context, { v: 1, body: digest, by: key.idBytes, time: TIME + 10, ...change }, key)
  const add = (name: string, map: Fields, verdict: string, { path, of = proof }: { path?: string; of?: Fields } = {}): void => {
    cases.push({ name, relation: hex(encode(of)), bytes: hex(encode(map)), ...verdictOf(verdict, path) })
  }
  add('by from', revoke(), 'accept')
  add('by to', revoke({}, smaller), 'accept')
  add('dated before the relation', revoke({ time: 0 }), 'accept')
  add('dated in the far future', revoke({ time: Number.MAX_SAFE_INTEGER }), 'accept')
  add('with a key of a later time: it is covered', revoke({ also: 1 }), 'accept')
  add('of a half that is not signed by both yet', revoke(), 'accept', { of: omit(proof, 'toSig') })
  add('by a stranger', revoke({}, mallory), 'NO_EFFECT')
  add('by a stranger in the name of from', revoke({ by: greater.idBytes }, mallory), 'NO_EFFECT')
  add('by to in the name of from', revoke({ by: greater.idBytes }, smaller), 'NO_EFFECT')
  add('of another relation', revoke({ body: sha256('another') }), 'NO_EFFECT')
  add('of the same relation with a new nonce', revoke(), 'NO_EFFECT', { of: prove({ nonce: sha256('new nonce').subarray(0, 16) }) })
  add('another time', { ...revoke(), time: TIME + 11 }, 'NO_EFFECT')
  add('a key that is not covered', { ...revoke(), also: 1 }, 'NO_EFFECT')
  for (const context of otherContexts('mercury/revocation/1')) add(`in the context ${context}`, revoke({}, greater, context), 'NO_EFFECT')
  for (const key of ['v', 'body', 'by', 'time', 'sig']) add(`${key} absent`, omit(revoke(), key), 'INVALID_REVOCATION', { path: key })
  add('v is 2', revoke({ v: 2 }), 'UNSUPPORTED')
  add('v is text', revoke({ v: '1' }), 'INVALID_REVOCATION', { path: 'v' })
  add('body has 31 bytes', revoke({ body: digest.subarray(1) }), 'INVALID_REVOCATION', { path: 'body' })
  add('by is text', revoke({ by: greater.id }), 'INVALID_REVOCATION', { path: 'by' })
  add('by is a key of small order', revoke({ by: idBytesOf(SMALL_ORDER_KEY) }), 'INVALID_PROFILE_ID')
  add('time is -1', revoke({ time: -1 }), 'INVALID_REVOCATION', { path: 'time' })
  add('sig has 63 bytes', { ...revoke(), sig: new Uint8Array(63) }, 'INVALID_REVOCATION', { path: 'sig' })
  return { about: 'Revocations of relations; README.md says how to read this file', spec: 'docs/spec.md#revocation', keys: [alice, bob, mallory].map(describeKey), cases }
}

export const signedMapVectors = { pledge: pledgeVectors, acceptance: acceptanceVectors, succession: successionVectors, relation: relationVectors, revocation: revocationVectors }

function flipped (bytes: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(bytes[0]! ^ 1), bytes.subarray(1))
}

if (import.meta.main) for (const [name, make] of Object.entries(signedMapVectors)) writeFrozen(name, make())
