import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { concat } from 'uint8arrays'
import { encodeProfileId, formatProfileId, publicKeyOf, type ProfileId } from '../../src/identity/profile-id.ts'
import { openSeed } from '../../src/identity/seed.ts'
import { LEAF_ROLES, type Persona } from '../../src/identity/persona.ts'
import { sealVault } from '../../src/identity/vault.ts'
import { hex, unhex, writeFrozen } from './frozen.ts'

/** Makes `identity.json`: personas of published seed phrases, spellings of profile IDs that are accepted and that are not, links, vaults. */

const PHRASES = [
  { phrase: 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about', passphrase: '' },
  { phrase: 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about', passphrase: 'TREZOR' },
  { phrase: 'zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote', passphrase: 'Å' }
]
const POSITIONS = [[0, 0], [0, 1], [1, 0], [7, 0], [2 ** 31 - 1, 2 ** 31 - 2]] as const

export interface PersonaCase { phrase: string; passphrase: string; index: number; generation: number; id: string; leaves: Record<string, string>; encryptionPublicKey: string; next: string; pledge: string }
export interface SpellingCase { comment: string; text: string; id: string }
export interface MalformedCase { comment: string; text: string }
export interface VaultCase { passphrase?: string; bytes: string; personas: { id: string; index: number; generation: number }[] }
export interface LinkCase { text: string; id: string; home?: string; addresses: string[]; cid?: string; name?: string; next?: string }

const describePersona = ({ index, generation, id, leaves, encryptionPublicKey, pledge }: Persona) => ({
  index, generation, id,
  leaves: Object.fromEntries(LEAF_ROLES.map((role) => [role, hex(leaves[role])])),
  encryptionPublicKey: hex(encryptionPublicKey), next: hex(pledge.next), pledge: hex(pledge.sig)
})

const makePersonas = async (): Promise<PersonaCase[]> => {
  const personas: PersonaCase[] = []
  for (const { phrase, passphrase } of PHRASES) {
    const seed = await openSeed(phrase, { passphrase })
    for (const [index, generation] of POSITIONS) personas.push({ phrase, passphrase, ...describePersona(await seed.persona(index, { generation })) })
  }
  return personas
}

const spellings = (id: ProfileId): SpellingCase[] => {
  const cid = concat([Uint8Array.of(0x01, 0x72), encodeProfileId(id)])
  const names = { k51: base36.encode(cid), bafzaa: base32.encode(cid), '12D3Koo': formatProfileId(id, 'peer') }
  return [
    ...Object.entries(names).flatMap(([comment, name]) => [
      { comment, text: name, id },
      { comment: `${comment} behind /ipns/`, text: `/ipns/${name}`, id },
      { comment: `${comment} as a link`, text: `mercury:${name}`, id },
      { comment: `${comment} as a link with hints`, text: `mercury:${name}?name=Alice&org.example=1`, id }
    ]),
    { comment: 'did:key', text: formatProfileId(id, 'did'), id }
  ]
}

const makeMalformed = (id: ProfileId, other: ProfileId): MalformedCase[] => {
  const publicKey = publicKeyOf(id)
  const protobuf = concat([Uint8Array.of(0x08, 0x01, 0x12, 0x20), publicKey])
  const identity = (content: Uint8Array) => concat([Uint8Array.of(0x00, content.byteLength), content])
  const ofCid = (...parts: Uint8Array[]) => base36.encode(concat(parts))
  const v1 = Uint8Array.of(0x01, 0x72)
  const sha256 = concat([Uint8Array.of(0x12, 0x20), publicKey])
  const peer = formatProfileId(id, 'peer')
  const did = formatProfileId(id, 'did')
  const base32Name = base32.encode(concat([v1, encodeProfileId(id)]))
  const smallOrder = unhex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')
  const withKey = (key: Uint8Array) => ofCid(v1, identity(concat([protobuf.subarray(0, 4), key])))
  return [
    { comment: 'empty', text: '' },
    { comment: 'nothing behind /ipns/', text: '/ipns/' },
    { comment: 'nothing behind mercury:', text: 'mercury:' },
    { comment: 'hashed name', text: ofCid(v1, sha256) },
    { comment: 'hashed name, base32', text: base32.encode(concat([v1, sha256])) },
    { comment: 'CIDv0, also the peer ID of an RSA key', text: base58btc.encode(sha256).slice(1) },
    { comment: 'identity multihash as CIDv0', text: ofCid(encodeProfileId(id)) },
    { comment: 'codec dag-cbor', text: ofCid(Uint8Array.of(0x01, 0x71), encodeProfileId(id)) },
    { comment: 'codec dag-pb', text: ofCid(Uint8Array.of(0x01, 0x70), encodeProfileId(id)) },
    { comment: 'codec raw', text: ofCid(Uint8Array.of(0x01, 0x55), encodeProfileId(id)) },
    { comment: 'CID version 2', text: ofCid(Uint8Array.of(0x02, 0x72), encodeProfileId(id)) },
    { comment: 'overlong codec', text: ofCid(Uint8Array.of(0x01, 0xf2, 0x00), encodeProfileId(id)) },
    { comment: 'RSA key', text: ofCid(v1, identity(concat([Uint8Array.of(0x08, 0x00, 0x12, 0x20), publicKey]))) },
    { comment: 'secp256k1 key', text: ofCid(v1, identity(concat([Uint8Array.of(0x08, 0x02, 0x12, 0x21, 0x02), publicKey]))) },
    { comment: 'ECDSA key', text: ofCid(v1, identity(concat([Uint8Array.of(0x08, 0x03, 0x12, 0x20), publicKey]))) },
    { comment: 'protobuf fields the other way round', text: ofCid(v1, identity(concat([Uint8Array.of(0x12, 0x20), publicKey, Uint8Array.of(0x08, 0x01)]))) },
    { comment: 'overlong key type', text: ofCid(v1, identity(concat([Uint8Array.of(0x08, 0x81, 0x00, 0x12, 0x20), publicKey]))) },
    { comment: 'key of 31 bytes', text: ofCid(v1, identity(concat([Uint8Array.of(0x08, 0x01, 0x12, 0x1f), publicKey.subarray(1)]))) },
    { comment: 'key of 33 bytes', text: ofCid(v1, identity(concat([Uint8Array.of(0x08, 0x01, 0x12, 0x21), publicKey, Uint8Array.of(0)]))) },
    { comment: 'bare public key as digest', text: ofCid(v1, identity(publicKey)) },
    { comment: 'key of small order', text: withKey(smallOrder) },
    { comment: 'key off the curve', text: withKey(Uint8Array.of(2, ...new Uint8Array(31))) },
    { comment: 'trailing byte', text: ofCid(v1, encodeProfileId(id), Uint8Array.of(0)) },
    { comment: 'truncated by a byte', text: ofCid(v1, encodeProfileId(id).subarray(0, 37)) },
    { comment: 'truncated by a character', text: id.slice(0, -1) },
    { comment: 'with a character more', text: `${id}0` },
    { comment: 'with a leading zero', text: `k0${id.slice(1)}` },
    { comment: 'upper case', text: id.toUpperCase() },
    { comment: 'upper case after its prefix', text: `k${id.slice(1).toUpperCase()}` },
    { comment: 'one letter in upper case', text: id.replace('q', 'Q') },
    { comment: 'bafzaa upper case after its prefix', text: `b${base32Name.slice(1).toUpperCase()}` },
    { comment: 'bafzaa padded', text: `${base32Name}=` },
    { comment: 'base58 CID', text: base58btc.encode(concat([v1, encodeProfileId(id)])) },
    { comment: 'no multibase prefix', text: id.slice(1) },
    { comment: '12D3Koo lower case', text: peer.toLowerCase() },
    { comment: '12D3Koo with a leading 1', text: `1${peer}` },
    { comment: '12D3Koo with multibase prefix', text: `z${peer}` },
    { comment: '12D3Koo truncated', text: peer.slice(0, -1) },
    { comment: '12D3Koo alone', text: '12D3Koo' },
    { comment: 'did:key of another key type', text: `did:key:${base58btc.encode(concat([Uint8Array.of(0xe7, 0x01), publicKey]))}` },
    { comment: 'did:key in another base', text: `did:key:${base32.encode(concat([Uint8Array.of(0xed, 0x01), publicKey]))}` },
    { comment: 'did:key without the key type', text: `did:key:${base58btc.encode(publicKey)}` },
    { comment: 'did:key with a trailing byte', text: `did:key:${base58btc.encode(concat([Uint8Array.of(0xed, 0x01), publicKey, Uint8Array.of(0)]))}` },
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

const makeLinks = (id: ProfileId, home: ProfileId): LinkCase[] => {
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

const makeVaults = async (): Promise<VaultCase[]> => {
  const seed = await openSeed(PHRASES[0]!.phrase)
  const held = [await seed.persona(0), await seed.persona(1, { generation: 2 })]
  const personas = held.map(({ id, index, generation }) => ({ id, index, generation }))
  const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)
  const passphrase = 'correct horse \ufb01\u0301'
  return [
    { bytes: hex(await sealVault(held, { unprotected: true })), personas },
    { passphrase, bytes: hex(await sealVault(held, { passphrase }, { random: counting, log2N: 10 })), personas },
    { passphrase, bytes: hex(await sealVault([], { passphrase }, { random: counting, log2N: 11 })), personas: [] }
  ]
}

export const makeIdentity = async () => {
  const personas = await makePersonas()
  const [id, , home] = personas.map((persona) => persona.id as ProfileId)
  return { personas, spellings: [...spellings(id!), ...spellings(home!)], malformed: makeMalformed(id!, home!), links: makeLinks(id!, home!), vaults: await makeVaults() }
}

if (import.meta.main) writeFrozen('identity', await makeIdentity())
