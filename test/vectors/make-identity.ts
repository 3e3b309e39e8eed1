import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { createHmac, createPrivateKey, createPublicKey, hkdfSync, pbkdf2Sync, scryptSync } from 'node:crypto'
import { encode, idBytesOf, joined, pledgeTo, type KeyPair } from './forge.ts'
import { hex, unhex, writeFrozen } from './frozen.ts'

/**
 * Makes `identity.json`: personas of published seed phrases, spellings of profile IDs that are accepted and that are not, links, vaults.
 * Keys are derived with node:crypto alone.
 */

const PHRASES = [
  { phrase: 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about', passphrase: '' },
  { phrase: 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about', passphrase: 'TREZOR' },
  { phrase: 'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote', passphrase: 'Å' }
]
const POSITIONS = [[0, 0], [0, 1], [1, 0], [7, 0], [2 ** 31 - 1, 2 ** 31 - 2]] as const
const ROLES = ['identity', 'encryption', 'peer', 'homeAccess', 'searchIndex'] as const

export interface PersonaCase { phrase: string; passphrase: string; index: number; generation: number; id: string; leaves: Record<string, string>; encryptionPublicKey: string; next: string; pledge: string }
export interface SpellingCase { comment: string; text: string; id: string }
export interface MalformedCase { comment: string; text: string }
export interface VaultCase { passphrase?: string; bytes: string; personas: { id: string; index: number; generation: number }[] }
export interface LinkCase { text: string; id: string; home?: string; addresses: string[]; cid?: string; name?: string; next?: string }

/** The node at `path`, all hardened, of the SLIP-0010 Ed25519 tree of `seed`. */
export const nodeAt = (seed: Uint8Array, path: readonly number[]): { key: Buffer; chainCode: Buffer } => {
  const split = (digest: Buffer) => ({ key: digest.subarray(0, 32), chainCode: digest.subarray(32) })
  return path.reduce((node, index) => {
    const hardened = Buffer.alloc(4)
    hardened.writeUInt32BE(index + 2 ** 31)
    return split(createHmac('sha512', node.chainCode).update(joined(Uint8Array.of(0), node.key, hardened)).digest())
  }, split(createHmac('sha512', 'ed25519 seed').update(seed).digest()))
}

/** RFC 8410: `type` is the last byte of the algorithm's object identifier. */
const publicKeyOf = (privateKey: Uint8Array, type: 'ed25519' | 'x25519'): Uint8Array => {
  const frame = unhex(`302e020100300506032b65${type === 'ed25519' ? '70' : '6e'}04220420`)
  const handle = createPrivateKey({ key: Buffer.from(joined(frame, privateKey)), format: 'der', type: 'pkcs8' })
  return new Uint8Array(Buffer.from(createPublicKey(handle).export({ format: 'jwk' }).x!, 'base64url'))
}

const keyPairOf = (seed: Uint8Array): KeyPair => {
  const publicKey = publicKeyOf(seed, 'ed25519')
  return { name: '', seed, publicKey, idBytes: idBytesOf(publicKey), id: base36.encode(joined(LIBP2P_KEY_V1, idBytesOf(publicKey))) }
}

/** CIDv1, codec libp2p-key. */
const LIBP2P_KEY_V1 = Uint8Array.of(0x01, 0x72)

const derive = ({ phrase, passphrase }: { phrase: string; passphrase: string }, index: number, generation: number) => {
  const seed = pbkdf2Sync(phrase.normalize('NFKD'), `mnemonic${passphrase}`.normalize('NFKD'), 2_048, 64, 'sha512')
  const leaves = ROLES.map((_, role) => nodeAt(seed, [7_169_394, index, role, generation]).key)
  const key = keyPairOf(leaves[0]!)
  const { next, pledge } = pledgeTo(key, keyPairOf(nodeAt(seed, [7_169_394, index, 0, generation + 1]).key))
  const encryption = new Uint8Array(hkdfSync('sha256', leaves[1]!, new Uint8Array(), 'mercury/x25519/1', 32))
  return { key, leaves, encryptionPublicKey: publicKeyOf(encryption, 'x25519'), next, pledge }
}

const makePersonas = (): PersonaCase[] => PHRASES.flatMap((words) => POSITIONS.map(([index, generation]) => {
  const { key, leaves, encryptionPublicKey, next, pledge } = derive(words, index, generation)
  return { ...words, index, generation, id: key.id, leaves: Object.fromEntries(ROLES.map((role, i) => [role, hex(leaves[i]!)])), encryptionPublicKey: hex(encryptionPublicKey), next: hex(next), pledge: hex(pledge) }
}))

const didOf = ({ publicKey }: KeyPair): string => `did:key:${base58btc.encode(joined(Uint8Array.of(0xed, 0x01), publicKey))}`
const peerIdOf = ({ idBytes }: KeyPair): string => base58btc.encode(idBytes).slice(1)

const spellings = (key: KeyPair): SpellingCase[] => {
  const { id } = key
  const names = { k51: id, bafzaa: base32.encode(joined(LIBP2P_KEY_V1, key.idBytes)), '12D3Koo': peerIdOf(key) }
  return [
    ...Object.entries(names).flatMap(([comment, name]) => [
      { comment, text: name, id },
      { comment: `${comment} behind /ipns/`, text: `/ipns/${name}`, id },
      { comment: `${comment} as a link`, text: `mercury:${name}`, id },
      { comment: `${comment} as a link with hints`, text: `mercury:${name}?name=Alice&org.example=1`, id }
    ]),
    { comment: 'did:key', text: didOf(key), id }
  ]
}

const makeMalformed = (key: KeyPair, other: string): MalformedCase[] => {
  const { publicKey, idBytes, id } = key
  const identity = (content: Uint8Array) => joined(Uint8Array.of(0x00, content.byteLength), content)
  const ofCid = (...parts: Uint8Array[]) => base36.encode(joined(...parts))
  const v1 = LIBP2P_KEY_V1
  const sha256 = joined(Uint8Array.of(0x12, 0x20), publicKey)
  const peer = peerIdOf(key)
  const did = didOf(key)
  const base32Name = base32.encode(joined(v1, idBytes))
  const smallOrder = unhex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')
  const withKey = (bytes: Uint8Array) => ofCid(v1, idBytesOf(bytes))
  return [
    { comment: 'empty', text: '' },
    { comment: 'nothing behind /ipns/', text: '/ipns/' },
    { comment: 'nothing behind mercury:', text: 'mercury:' },
    { comment: 'hashed name', text: ofCid(v1, sha256) },
    { comment: 'hashed name, base32', text: base32.encode(joined(v1, sha256)) },
    { comment: 'CIDv0, also the peer ID of an RSA key', text: base58btc.encode(sha256).slice(1) },
    { comment: 'identity multihash as CIDv0', text: ofCid(idBytes) },
    { comment: 'codec dag-cbor', text: ofCid(Uint8Array.of(0x01, 0x71), idBytes) },
    { comment: 'codec dag-pb', text: ofCid(Uint8Array.of(0x01, 0x70), idBytes) },
    { comment: 'codec raw', text: ofCid(Uint8Array.of(0x01, 0x55), idBytes) },
    { comment: 'CID version 2', text: ofCid(Uint8Array.of(0x02, 0x72), idBytes) },
    { comment: 'overlong codec', text: ofCid(Uint8Array.of(0x01, 0xf2, 0x00), idBytes) },
    { comment: 'RSA key', text: ofCid(v1, identity(joined(Uint8Array.of(0x08, 0x00, 0x12, 0x20), publicKey))) },
    { comment: 'secp256k1 key', text: ofCid(v1, identity(joined(Uint8Array.of(0x08, 0x02, 0x12, 0x21, 0x02), publicKey))) },
    { comment: 'ECDSA key', text: ofCid(v1, identity(joined(Uint8Array.of(0x08, 0x03, 0x12, 0x20), publicKey))) },
    { comment: 'protobuf fields the other way round', text: ofCid(v1, identity(joined(Uint8Array.of(0x12, 0x20), publicKey, Uint8Array.of(0x08, 0x01)))) },
    { comment: 'overlong key type', text: ofCid(v1, identity(joined(Uint8Array.of(0x08, 0x81, 0x00, 0x12, 0x20), publicKey))) },
    { comment: 'key of 31 bytes', text: ofCid(v1, identity(joined(Uint8Array.of(0x08, 0x01, 0x12, 0x1f), publicKey.subarray(1)))) },
    { comment: 'key of 33 bytes', text: ofCid(v1, identity(joined(Uint8Array.of(0x08, 0x01, 0x12, 0x21), publicKey, Uint8Array.of(0)))) },
    { comment: 'bare public key as digest', text: ofCid(v1, identity(publicKey)) },
    { comment: 'key of small order', text: withKey(smallOrder) },
    { comment: 'key off the curve', text: withKey(Uint8Array.of(2, ...new Uint8Array(31))) },
    { comment: 'trailing byte', text: ofCid(v1, idBytes, Uint8Array.of(0)) },
    { comment: 'truncated by a byte', text: ofCid(v1, idBytes.subarray(0, 37)) },
    { comment: 'truncated by a character', text: id.slice(0, -1) },
    { comment: 'with a character more', text: `${id}0` },
    { comment: 'with a leading zero', text: `k0${id.slice(1)}` },
    { comment: 'upper case', text: id.toUpperCase() },
    { comment: 'upper case after its prefix', text: `k${id.slice(1).toUpperCase()}` },
    { comment: 'one letter in upper case', text: id.replace('q', 'Q') },
    { comment: 'bafzaa upper case after its prefix', text: `b${base32Name.slice(1).toUpperCase()}` },
    { comment: 'bafzaa padded', text: `${base32Name}=` },
    { comment: 'base58 CID', text: base58btc.encode(joined(v1, idBytes)) },
    { comment: 'no multibase prefix', text: id.slice(1) },
    { comment: '12D3Koo lower case', text: peer.toLowerCase() },
    { comment: '12D3Koo with a leading 1', text: `1${peer}` },
    { comment: '12D3Koo with multibase prefix', text: `z${peer}` },
    { comment: '12D3Koo truncated', text: peer.slice(0, -1) },
    { comment: '12D3Koo alone', text: '12D3Koo' },
    { comment: 'did:key of another key type', text: `did:key:${base58btc.encode(joined(Uint8Array.of(0xe7, 0x01), publicKey))}` },
    { comment: 'did:key in another base', text: `did:key:${base32.encode(joined(Uint8Array.of(0xed, 0x01), publicKey))}` },
    { comment: 'did:key without the key type', text: `did:key:${base58btc.encode(publicKey)}` },
    { comment: 'did:key with a trailing byte', text: `did:key:${base58btc.encode(joined(Uint8Array.of(0xed, 0x01), publicKey, Uint8Array.of(0)))}` },
    { comment: 'did:key with a fragment', text: `${did}#${did.slice(8)}` },
    { comment: 'did:web', text: 'did:web:example.org' },
    { comment: 'DID in upper case', text: did.replace('did', 'DID') },
    { comment: 'did:key behind /ipns/', text: `/ipns/${did}` },
    { comment: 'did:key as a link', text: `mercury:${did}` },
    { comment: '/ipns/ twice', text: `/ipns//ipns/${id}` },
    { comment: '/ipns/ in a link', text: `mercury:/ipns/${id}` },
    { comment: 'a link in a link', text: `mercury:mercury:${id}` },
    { comment: '//', text: `mercury://${id}` },
    { comment: 'a path behind the name', text: `/ipns/${id}/about` },
    { comment: 'a slash behind the name', text: `/ipns/${id}/` },
    { comment: '/ipfs/', text: `/ipfs/${id}` },
    { comment: 'ipns://', text: `ipns://${id}` },
    { comment: 'a DNSLink name', text: '/ipns/example.org' },
    { comment: 'a fragment', text: `mercury:${id}#top` },
    { comment: 'scheme in upper case', text: `MERCURY:${id}` },
    { comment: 'space before', text: ` ${id}` },
    { comment: 'space behind', text: `${id} ` },
    { comment: 'line break behind', text: `${id}\n` },
    { comment: 'zero byte behind', text: `${id}\0` },
    { comment: 'a letter that only looks the same', text: id.replace('1', 'l').replace('q', '\u0442') },
    { comment: 'two IDs', text: `${id}${other}` },
    { comment: 'two IDs and a comma', text: `${id},${other}` },
    { comment: 'full-width digits', text: id.replace('5', '\uff15') }
  ]
}

const makeLinks = (id: string, home: string): LinkCase[] => {
  const cid = 'bafyreihdb57fdysx5h35urvxz64ros7zvywshber7id6t6c6fek37jgyfe'
  const next = '00ff'.repeat(16)
  const addresses = ['/ip4/192.0.2.1/tcp/4001', '/dns4/home.example/tcp/443/tls/http']
  return [
    { text: `mercury:${id}`, id, addresses: [] },
    { text: `mercury:${id}?home=${home}`, id, home, addresses: [] },
    { text: `mercury:${id}?addr=${addresses[0]}&addr=${addresses[1]}`, id, addresses },
    { text: `mercury:${id}?cid=${cid}`, id, addresses: [], cid },
    { text: `mercury:${id}?name=Alice%20Liddell%20%26%20%E7%8C%AB%3F`, id, addresses: [], name: 'Alice Liddell & 猫?' },
    { text: `mercury:${id}?next=AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8`, id, addresses: [], next },
    { text: `mercury:${id}?home=${home}&addr=${addresses[0]}&cid=${cid}&name=A%2BB&next=AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8A_wD_AP8`, id, home, addresses: [addresses[0]!], cid, name: 'A+B', next }
  ]
}

const makeVaults = (): VaultCase[] => {
  const held = ([[0, 0], [1, 2]] as const).map(([index, generation]) => ({ index, generation, ...derive(PHRASES[0]!, index, generation) }))
  const personas = held.map(({ key, index, generation }) => ({ id: key.id, index, generation }))
  const entries = held.map(({ index, generation, leaves, next, pledge }) => ({ index, generation, leaves, next, sig: pledge }))
  const passphrase = 'correct horse \ufb01\u0301'
  const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)
  const seal = (list: typeof entries, log2N: number): string => {
    const header = { v: 1, kdf: { log2N, r: 8, p: 1, salt: counting(32) }, nonce: counting(24) }
    const key = new Uint8Array(scryptSync(passphrase.normalize('NFKC'), header.kdf.salt, 32, { N: 2 ** log2N, r: 8, p: 1 }))
    return hex(encode({ ...header, box: xchacha20poly1305(key, header.nonce, encode(header)).encrypt(encode(list)) }))
  }
  return [
    { bytes: hex(encode({ v: 1, personas: entries })), personas },
    { passphrase, bytes: seal(entries, 10), personas },
    { passphrase, bytes: seal([], 11), personas: [] }
  ]
}

export const makeIdentity = () => {
  const personas = makePersonas()
  const [alice, other] = [derive(PHRASES[0]!, 0, 0).key, derive(PHRASES[0]!, 1, 0).key]
  return { personas, spellings: [...spellings(alice), ...spellings(other)], malformed: makeMalformed(alice, other.id), links: makeLinks(alice.id, other.id), vaults: makeVaults() }
}

if (import.meta.main) writeFrozen('identity', makeIdentity())
