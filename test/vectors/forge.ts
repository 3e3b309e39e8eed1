import { createHash, createPrivateKey, createPublicKey, sign as signEd25519 } from 'node:crypto'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { hex } from './frozen.ts'

/**
 * A second writer of every artefact, for vectors and tests: it shares no code with what it tests, signs with node:crypto,
 * and can break each rule of docs/spec.md alone, canonical CBOR included.
 */

export interface KeyPair {
  /** What the seed is made from. */
  readonly name: string
  /** The 32-byte Ed25519 seed: sha2-256 of `mercury test vectors: ` and the name. */
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
  /** `k51…` */
  readonly id: string
  /** 38 bytes. */
  readonly idBytes: Uint8Array
}

export const sha256 = (bytes: Uint8Array | string): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

export const keyPair = (name: string): KeyPair => {
  const seed = sha256(`mercury test vectors: ${name}`)
  const publicKey = new Uint8Array(Buffer.from(createPublicKey(privateKeyOf(seed)).export({ format: 'jwk' }).x!, 'base64url'))
  return { name, seed, publicKey, id: idOf(publicKey), idBytes: idBytesOf(publicKey) }
}

/** The 38 bytes of an ID inside documents, whatever `publicKey` is. */
export const idBytesOf = (publicKey: Uint8Array): Uint8Array => Uint8Array.of(0, 36, 8, 1, 18, 32, ...publicKey)

const idOf = (publicKey: Uint8Array): string => CID.createV1(0x72, createDigest(0, idBytesOf(publicKey).subarray(2))).toString(base36)

const privateKeyOf = (seed: Uint8Array) => createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' })

/** How a key stands in a vector file. */
export const describeKey = ({ name, seed, publicKey, id }: KeyPair) => ({ name, seed: hex(seed), publicKey: hex(publicKey), id })

/** What can be written: DAG-CBOR, and whatever {@link Raw} and {@link InOrder} smuggle in. */
export type Value = null | undefined | boolean | number | bigint | string | Uint8Array | CID | Raw | InOrder | readonly Value[] | Fields
export interface Fields { readonly [key: string]: Value }

/** Bytes that are written as they are, in the place of a value. */
export class Raw {
  readonly bytes: Uint8Array
  constructor (...bytes: number[]) {
    this.bytes = Uint8Array.from(bytes)
  }
}

/** A map written in the order given, twice the same key and all. */
export class InOrder {
  readonly entries: ReadonlyArray<readonly [Value, Value]>
  constructor (...entries: ReadonlyArray<readonly [Value, Value]>) {
    this.entries = entries
  }
}

/** DAG-CBOR: shortest heads, keys by length and then by bytes. */
export const encode = (value: Value): Uint8Array => Uint8Array.from(write(value))

const write = (value: Value): Buffer => {
  if (value === null) return Buffer.of(0xf6)
  if (value === undefined) return Buffer.of(0xf7)
  if (typeof value === 'boolean') return Buffer.of(value ? 0xf5 : 0xf4)
  if (typeof value === 'number' && !Number.isInteger(value)) return float(value)
  if (typeof value === 'number' || typeof value === 'bigint') return value < 0 ? head(1, -1n - BigInt(value)) : head(0, BigInt(value))
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.byteLength), value])
  if (value instanceof Raw) return Buffer.from(value.bytes)
  if (value instanceof InOrder) return writeEntries(value.entries)
  if (isList(value)) return Buffer.concat([head(4, value.length), ...value.map(write)])
  const cid = CID.asCID(value)
  if (cid) return Buffer.concat([head(6, 42), head(2, cid.bytes.byteLength + 1), Buffer.of(0), cid.bytes])
  return writeEntries(Object.entries(value as Fields).sort(([a], [b]) => Buffer.byteLength(a) - Buffer.byteLength(b) || Buffer.compare(Buffer.from(a), Buffer.from(b))))
}

const writeEntries = (entries: ReadonlyArray<readonly [Value, Value]>): Buffer => Buffer.concat([head(5, entries.length), ...entries.flatMap(([key, value]) => [write(key), write(value)])])

const isList = (value: object): value is readonly Value[] => Array.isArray(value)

const float = (value: number): Buffer => {
  const bytes = Buffer.alloc(9, 0xfb)
  bytes.writeDoubleBE(value, 1)
  return bytes
}

/** The first bytes of a CBOR item; `width` (0, 1, 2, 4 or 8 bytes) writes a longer form than needed. */
export const head = (major: number, length: number | bigint, width?: 0 | 1 | 2 | 4 | 8): Buffer => {
  const value = BigInt(length)
  const bytes = width ?? (value < 24n ? 0 : value < 0x100n ? 1 : value < 0x10000n ? 2 : value < 0x100000000n ? 4 : 8)
  if (bytes === 0) return Buffer.of((major << 5) | Number(value))
  return Buffer.concat([Buffer.of((major << 5) | (24 + Math.log2(bytes))), bigEndian(value, bytes)])
}

const bigEndian = (value: bigint, width: number): Buffer => Buffer.from(value.toString(16).padStart(width * 2, '0'), 'hex')

/** An Ed25519 signature of `bytes`. */
export const signBytes = ({ seed }: KeyPair, bytes: Uint8Array): Uint8Array => new Uint8Array(signEd25519(null, bytes, privateKeyOf(seed)))

/** The signature of `map` in `context`. */
export const signFields = (context: string, map: Value, key: KeyPair): Uint8Array => signBytes(key, Buffer.concat([Buffer.from(context), Buffer.of(0), encode(map)]))

/** `map` with its signature under `sig`. */
export const sealed = (context: string, map: Fields, key: KeyPair): Fields => ({ ...map, sig: signFields(context, map, key) })

/** The CID of a block: CIDv1, sha2-256; dag-cbor unless another codec is given. */
export const blockCid = (bytes: Uint8Array, codec = 0x71): CID => CID.createV1(codec, createDigest(0x12, sha256(bytes)))

/** The pledge of `key` to `next`: `{next, pledge}` as a document holds them. */
export const pledgeTo = (key: KeyPair, next: KeyPair): { next: Uint8Array; pledge: Uint8Array } => {
  const digest = sha256(next.publicKey)
  return { next: digest, pledge: signFields('mercury/pledge/1', { v: 1, id: key.idBytes, next: digest }, key) }
}

/** A protobuf field: `wire` 0 takes a number, 2 takes bytes, anything else takes the bytes that follow the tag as they are. */
export const protobufField = (number: number | bigint, wire: number, value: bigint | number | Uint8Array): Uint8Array => {
  const tag = varint((BigInt(number) << 3n) | BigInt(wire))
  if (typeof value === 'number' || typeof value === 'bigint') return Buffer.concat([tag, varint(BigInt(value))])
  return wire === 2 ? Buffer.concat([tag, varint(BigInt(value.byteLength)), value]) : Buffer.concat([tag, value])
}

export const varint = (value: bigint): Uint8Array => {
  const bytes: number[] = []
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}

/** The signed data of an IPNS record; a field that is `undefined` is left out. */
export const recordData = (fields: Fields): Uint8Array => encode(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)))

/** Signature and data as the two fields that are signed for. */
export const signRecord = (data: Uint8Array, key: KeyPair): { signature: Uint8Array; data: Uint8Array } => ({ signature: signBytes(key, Buffer.concat([Buffer.from('ipns-signature:'), data])), data })

/** The reduced form of a record. */
export const reduced = ({ signature, data }: { signature: Uint8Array; data: Uint8Array }): Uint8Array => joined(protobufField(8, 2, signature), protobufField(9, 2, data))

export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
