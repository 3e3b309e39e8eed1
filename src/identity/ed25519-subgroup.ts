import { etc, type Point } from '@noble/ed25519'

const P = 2n ** 255n - 19n
/** The curve in Montgomery form: v² = u³ + Au² + u. */
const A = 486_662n

/**
 * Whether a point of edwards25519 that is not of small order lies in the subgroup of prime order L, in a third of the time that multiplying by L takes.
 *
 * The group is cyclic of order 8L, so the subgroup is what can be halved three times. The point is halved once, through the 2-isogeny of the curve
 * and its dual: it has a half when its u is a square s², and the half's image under the isogeny has the square w² as its first coordinate (Pornin).
 * The half has two more halvings in it when its Tate pairing with (1, √(A+2)), of order 4, is trivial (Koshelev): when (v - √(A+2)u)²/u, which is
 * u(w - √(A+2))² because v = ±wu, is a fourth power. Signs of roots change the half by its sign or by a point that can itself be halved twice.
 *
 * @see https://eprint.iacr.org/2022/1164
 * @see https://eprint.iacr.org/2022/037
 */
export const isInPrimeSubgroup = (point: Point): boolean => {
  const { x, y } = point.toAffine()
  const inverse = etc.invert(x * (1n - y), P)
  const s = squareRoot((1n + y) * x * inverse)
  if (s === undefined) return false
  const slope = 2n * SQRT_MINUS_A_MINUS_2 * s * (1n - y) * inverse
  const w = squareRoot(2n * s * s + A + slope) ?? squareRoot(2n * s * s + A - slope)
  if (w === undefined) throw new Error('one of two conjugates, whose product is no square, must be a square')
  const u = etc.mod(w * w - A + 2n * s * w) * HALF
  return isFourthPower(etc.mod(u * (w - SQRT_A_PLUS_2) ** 2n))
}

/** The square root of `n` modulo P, which is 5 modulo 8: n^((P+3)/8) or √-1 times it; undefined when there is none. */
const squareRoot = (n: bigint): bigint | undefined => {
  const square = etc.mod(n)
  const root = (squared(square, 252) * etc.invert(square, P) ** 2n) % P
  const found = (root * root) % P
  if (found === square) return root
  if (found === P - square) return (root * SQRT_MINUS_1) % P
  return undefined
}

/** Whether n^((P-1)/4) is 1, written as n^(2^253) = n^5. */
const isFourthPower = (n: bigint): boolean => squared(n, 253) === n ** 5n % P

/** n^(2^times) modulo P */
const squared = (n: bigint, times: number): bigint => {
  for (let i = 0; i < times; i++) n = (n * n) % P
  return n
}

const HALF = (P + 1n) / 2n
/** 2^((P-1)/4): 2 is no square modulo P. */
const SQRT_MINUS_1 = (squared(2n, 253) * etc.invert(2n, P) ** 5n) % P
const SQRT_A_PLUS_2 = squareRoot(A + 2n)!
const SQRT_MINUS_A_MINUS_2 = SQRT_A_PLUS_2 * SQRT_MINUS_1
