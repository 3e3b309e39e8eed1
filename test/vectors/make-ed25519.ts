import { Point, etc, getPublicKey, hashes, utils } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { createPrivateKey, sign as signEd25519 } from 'node:crypto'
import { concat } from 'uint8arrays'
import { hex, unhex, writeFrozen } from './frozen.ts'

/**
 * Makes `ed25519.json`: keys with whether they are admitted, signatures with whether they are valid.
 * Verdicts follow from how each case is made, by the rule in docs/spec.md#keys; no verifier is asked.
 */

export interface KeyCase { readonly comment: string; readonly publicKey: string; readonly admitted: boolean }
export interface SignatureCase { readonly comment: string; readonly publicKey: string; readonly message: string; readonly signature: string; readonly valid: boolean }

hashes.sha512 = sha512

const P = 2n ** 255n - 19n
const L = Point.CURVE().n
const SIGN_BIT = 2n ** 255n

const littleEndian = (value: bigint): Uint8Array => unhex(value.toString(16).padStart(64, '0')).reverse()
const fromLittleEndian = (bytes: Uint8Array): bigint => BigInt(`0x${hex(Uint8Array.from(bytes).reverse())}`)
/** RFC 8032, by OpenSSL. */
const sign = (message: Uint8Array, privateKey: Uint8Array): Uint8Array =>
  new Uint8Array(signEd25519(null, message, createPrivateKey({ key: Buffer.concat([unhex('302e020100300506032b657004220420'), privateKey]), format: 'der', type: 'pkcs8' })))
const encodePoint = (y: bigint, sign: 0n | 1n): string => hex(littleEndian(y + sign * SIGN_BIT))
const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const scalarOf = (bytes: Uint8Array): bigint => fromLittleEndian(sha512(bytes)) % L

/** A point of order 8: what L times a point leaves, of the first small y that leaves one. */
const generatorOfTorsion = (): Point => {
  for (let y = 2n; ; y++) {
    const point = onCurve(y)
    const torsion = point?.multiply(L - 1n, false).add(point)
    if (torsion && !torsion.multiply(4n, false).is0()) return torsion
  }
}

const onCurve = (y: bigint): Point | undefined => {
  try {
    return Point.fromBytes(littleEndian(y), false)
  } catch {
    // Half of all y belong to no point.
    return undefined
  }
}

const T = generatorOfTorsion()
/** k times a point of order 8, for k from 0 to 7: everything of small order. */
export const torsion: readonly Point[] = Array.from({ length: 8 }, (_, k) => T.multiply(BigInt(k), false))

const privateKey = (n: number): Uint8Array => new Uint8Array(32).fill(n)

const makeKeys = (): KeyCase[] => [
  ...[1, 2, 3].map((n) => ({ comment: `the key of the private key of 32 times ${n}`, publicKey: hex(getPublicKey(privateKey(n))), admitted: true })),
  { comment: 'the base point', publicKey: Point.BASE.toHex(), admitted: true },
  ...torsion.map((point, k) => ({ comment: `small order: ${k} times a point of order 8`, publicKey: point.toHex(), admitted: false })),
  ...[1, 2, 3].flatMap((n) => torsion.slice(1).map((point, k) => ({ comment: `mixed order: the key of ${n}, plus ${k + 1} times a point of order 8`, publicKey: Point.fromBytes(getPublicKey(privateKey(n))).add(point).toHex(), admitted: false }))),
  ...Array.from({ length: 19 }, (_, n) => ([0n, 1n] as const).map((sign) => ({ comment: `not canonical: y = p + ${n}, sign ${sign}`, publicKey: encodePoint(P + BigInt(n), sign), admitted: false }))).flat(),
  { comment: 'not canonical: x = 0, y = 1, sign 1', publicKey: encodePoint(1n, 1n), admitted: false },
  { comment: 'not canonical: x = 0, y = -1, sign 1', publicKey: encodePoint(P - 1n, 1n), admitted: false },
  ...Array.from({ length: 16 }, (_, n) => BigInt(n)).filter((y) => !onCurve(y)).map((y) => ({ comment: `not on the curve: y = ${y}`, publicKey: encodePoint(y, 0n), admitted: false })),
  ...[0, 31, 33, 64].map((length) => ({ comment: `${length} bytes`, publicKey: hex(new Uint8Array(length).fill(9)), admitted: false }))
]

/** A signature over whatever equation the caller chose: R, and S of h = H(R, A, M). */
const craft = (publicKey: Uint8Array, message: Uint8Array, r: Uint8Array, s: (h: bigint) => bigint) => {
  const h = scalarOf(concat([r, publicKey, message]))
  return { publicKey: hex(publicKey), message: hex(message), signature: hex(concat([r, littleEndian(s(h))])), h }
}

const makeSignatures = (): SignatureCase[] => {
  const key = privateKey(1)
  const { scalar: a, point: A, pointBytes: publicKey } = utils.getExtendedPublicKey(key)
  const message = textBytes('mercury')
  const good = sign(message, key)
  const goodR = good.slice(0, 32)
  const goodS = fromLittleEndian(good.subarray(32))
  const withS = (s: bigint) => hex(concat([goodR, littleEndian(s)]))
  const base = { publicKey: hex(publicKey), message: hex(message) }
  const nonce = scalarOf(textBytes('nonce'))
  const sequenceOf = (comment: string, make: (i: number) => ReturnType<typeof craft>, wanted: (h: bigint) => boolean): SignatureCase => {
    for (let i = 0; ; i++) {
      const { h, ...made } = make(i)
      if (wanted(h)) return { comment, ...made, valid: false }
    }
  }
  const crafted = (comment: string, r: Uint8Array, s: (h: bigint) => bigint): SignatureCase => {
    const { h: _, ...made } = craft(publicKey, message, r, s)
    return { comment, ...made, valid: false }
  }
  return [
    { comment: 'valid', ...base, signature: hex(good), valid: true },
    ...[0, 1, 127, 128, 1_024].map((length) => ({ comment: `valid, of ${length} bytes`, publicKey: base.publicKey, message: hex(new Uint8Array(length).fill(length)), signature: hex(sign(new Uint8Array(length).fill(length), key)), valid: true })),
    { comment: 'another message', ...base, message: hex(textBytes('Mercury')), signature: hex(good), valid: false },
    { comment: 'another key', ...base, publicKey: hex(getPublicKey(privateKey(2))), signature: hex(good), valid: false },
    ...[1n, 2n, 7n, 15n].map((n) => ({ comment: `malleable: S + ${n}L`, ...base, signature: withS(goodS + n * L), valid: false })),
    { comment: 'S = L', ...base, signature: withS(L), valid: false },
    { comment: 'S = L - 1', ...base, signature: withS(L - 1n), valid: false },
    { comment: 'S = 0', ...base, signature: withS(0n), valid: false },
    { comment: 'S negated', ...base, signature: withS(L - goodS), valid: false },
    { comment: 'S of all ones', ...base, signature: withS(2n ** 256n - 1n), valid: false },
    { comment: 'R and S of zeros', ...base, signature: hex(new Uint8Array(64)), valid: false },
    ...[0, 31, 32, 63].map((at) => ({ comment: `bit 0 of byte ${at} flipped`, ...base, signature: hex(good.map((byte, i) => (i === at ? byte ^ 1 : byte))), valid: false })),
    ...[0, 63, 65].map((length) => ({ comment: `${length} bytes`, ...base, signature: hex(concat([good, good]).subarray(0, length)), valid: false })),
    crafted('R is the identity: the equation holds, implementations differ', littleEndian(1n), (h) => (h * a) % L),
    crafted('R is the identity, encoded as y = p + 1', littleEndian(P + 1n), (h) => (h * a) % L),
    crafted('R is the identity, with the sign of x set', littleEndian(1n + SIGN_BIT), (h) => (h * a) % L),
    ...torsion.slice(1).map((point, k) => crafted(`R of small order, ${k + 1}: only the cofactored equation holds`, point.toBytes(), (h) => (h * a) % L)),
    ...torsion.slice(1).map((point, k) => crafted(`R of mixed order, ${k + 1}: only the cofactored equation holds`, Point.BASE.multiply(nonce).add(point).toBytes(), (h) => (nonce + h * a) % L)),
    crafted('R = -R: the negated point', Point.fromBytes(goodR).negate().toBytes(), () => goodS),
    crafted('not a point as R', littleEndian(2n), () => goodS),
    ...torsion.map((point, k) => sequenceOf(`key of small order, ${k}: the equation holds for this message without any private key`,
      (i) => craft(point.toBytes(), textBytes(`any message ${i}`), Point.BASE.multiply(nonce).toBytes(), () => nonce), (h) => torsion[(k * Number(h % 8n)) % 8]!.is0())),
    ...torsion.slice(1).map((point, k) => sequenceOf(`key of mixed order, ${k + 1}: the equation holds for this message`,
      (i) => craft(A.add(point).toBytes(), textBytes(`message ${i}`), Point.BASE.multiply(nonce).toBytes(), (h) => etc.mod(nonce + h * a, L)), (h) => torsion[((k + 1) * Number(h % 8n)) % 8]!.is0()))
  ]
}

export const makeEd25519 = () => ({
  rule: 'A key is admitted when it is 32 bytes, canonical, on the curve and in the prime-order subgroup. A signature is valid when the key is admitted, S < L, R is canonical and not the identity, and SB = R + hA.',
  keys: makeKeys(),
  signatures: makeSignatures()
})

if (import.meta.main) writeFrozen('ed25519', makeEd25519())
