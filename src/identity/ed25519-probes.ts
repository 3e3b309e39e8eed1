import { fromString } from 'uint8arrays'

/**
 * Signatures on which implementations of Ed25519 disagree, with the one verdict of docs/spec.md.
 * A platform that judges any of them otherwise is not used. The identity as R, on which OpenSSL and BoringSSL differ, is refused before a platform is asked.
 */
const publicKey = 'ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c'
const message = new TextEncoder().encode('mercury')
const cases = [
  { comment: 'valid', signature: '48fe802ca830173eba6cf6d5bc924cf961ade10b90f20f34e91a5cf6114ded464ff83d13fc6d05748dd8b0431d8f687670750c511a6e509ec0177b2f252e0003', valid: true },
  { comment: 'S + L', signature: '48fe802ca830173eba6cf6d5bc924cf961ade10b90f20f34e91a5cf6114ded463ccc337016d117cc6375a8e6fb88478b70750c511a6e509ec0177b2f252e0013', valid: false },
  { comment: 'R of mixed order: the cofactored equation holds, the cofactorless one does not', signature: 'd63c01223147541df4e170763e9e2788a8bf5971f52a93c5829dbe6f5ff6bba9a91c7792482eb39c2bd0c0fa09d8580fc80896fb64cec1d9fe600a2e31c55500', valid: false },
  { comment: 'R is the identity, encoded as p + 1', signature: 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7fed1deef19e8c862694a21507c388ab87cad89b81516cfef90fb97135b81f5d08', valid: false },
  { comment: 'R is the identity with the sign of x set', signature: '0100000000000000000000000000000000000000000000000000000000000080b9f52f5399d71d714a8dfa4eebaf00f7d185d0d19fe2bcde9d62b3a20148a601', valid: false },
  { comment: 'one bit of R flipped', signature: '48fe802da830173eba6cf6d5bc924cf961ade10b90f20f34e91a5cf6114ded464ff83d13fc6d05748dd8b0431d8f687670750c511a6e509ec0177b2f252e0003', valid: false }
]

export default cases.map(({ comment, signature, valid }) => ({ comment, publicKey: fromString(publicKey, 'hex'), signature: fromString(signature, 'hex'), message, valid }))
