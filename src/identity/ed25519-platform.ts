import { toString } from 'uint8arrays'
import { nodeCrypto, type NodeCrypto } from '../node-crypto.ts'
import { KeyCache } from './key-cache.ts'

/** One implementation of Ed25519. `verify` is only asked for admitted keys and 64-byte signatures with S < L. */
export interface Ed25519 {
  readonly name: string
  verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean>
  /** Imports the 32-byte seed `privateKey`, which takes twice as long as signing does; what comes back signs with it. */
  signWith(privateKey: Uint8Array): Promise<Sign>
}

/** A 64-byte signature of the message by one key. */
export type Sign = (message: Uint8Array) => Promise<Uint8Array>

/** Importing a public key costs up to a third of a verification; one that is imported takes 400 bytes. */
const IMPORTED_KEYS = 16_384

/** What this runtime brings, the fastest first: node:crypto, WebCrypto, or nothing. */
export const platformEd25519 = (): Ed25519[] => {
  const node = nodeCrypto()
  const subtle = (globalThis as { crypto?: { subtle?: unknown } }).crypto?.subtle as Subtle | undefined
  return [...(node ? [nodeEd25519(node)] : []), ...(subtle ? [webCryptoEd25519(subtle)] : [])]
}

/** node:crypto verifies on its thread pool, so that many at a time take all cores and this thread goes on with its work; it signs at once. */
export const nodeEd25519 = (node: NodeCrypto): Ed25519 => {
  const handles = new KeyCache<unknown>(IMPORTED_KEYS)
  const importKey = (publicKey: Uint8Array): unknown => node.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: toString(publicKey, 'base64url') }, format: 'jwk' })
  return {
    name: 'node:crypto',
    async verify (publicKey, signature, message) {
      const handle = handles.get(publicKey, importKey)
      return new Promise((resolve, reject) => {
        const verdict: unknown = node.verify(null, message, handle, signature, (error, valid) => { if (error) reject(error); else resolve(valid) })
        // Runtimes that do not know the callback answer at once.
        if (typeof verdict === 'boolean') resolve(verdict)
      })
    },
    async signWith (privateKey) {
      const handle = node.createPrivateKey({ key: pkcs8(privateKey), format: 'der', type: 'pkcs8' })
      return async (message) => new Uint8Array(node.sign(null, message, handle))
    }
  }
}

export const webCryptoEd25519 = (subtle: Subtle): Ed25519 => {
  const handles = new KeyCache<Promise<unknown>>(IMPORTED_KEYS)
  const importKey = (publicKey: Uint8Array): Promise<unknown> => subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify'])
  return {
    name: 'WebCrypto',
    async verify (publicKey, signature, message) {
      return subtle.verify('Ed25519', await handles.get(publicKey, importKey), signature, message)
    },
    async signWith (privateKey) {
      const handle = await subtle.importKey('pkcs8', pkcs8(privateKey), 'Ed25519', false, ['sign'])
      return async (message) => new Uint8Array(await subtle.sign('Ed25519', handle, message))
    }
  }
}

/** The part of WebCrypto that is used, named here because core is compiled without the types of any runtime. */
export interface Subtle {
  importKey(format: string, key: Uint8Array, algorithm: string, extractable: boolean, usages: string[]): Promise<unknown>
  verify(algorithm: string, key: unknown, signature: Uint8Array, message: Uint8Array): Promise<boolean>
  sign(algorithm: string, key: unknown, message: Uint8Array): Promise<ArrayBuffer>
}

/** RFC 8410: the fixed DER frame around a 32-byte Ed25519 seed. */
const PKCS8_PREFIX = Uint8Array.from([0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20])
/** The DER of a 32-byte seed. Not by `concat`, whose memory on Node is a pool that everything small shares. */
export const pkcs8 = (privateKey: Uint8Array): Uint8Array => Uint8Array.of(...PKCS8_PREFIX, ...privateKey)
