import { toString } from 'uint8arrays'

/** One implementation of Ed25519. `verify` is only asked for admitted keys and 64-byte signatures with S < L. */
export interface Ed25519 {
  readonly name: string
  verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean>
  sign(privateKey: Uint8Array, message: Uint8Array): Promise<Uint8Array>
}

/** What this runtime brings, the fastest first: node:crypto, WebCrypto, or nothing. */
export const platformEd25519 = (): Ed25519[] => {
  const node = nodeCrypto()
  const subtle = (globalThis as { crypto?: { subtle?: unknown } }).crypto?.subtle as Subtle | undefined
  return [...(node ? [nodeEd25519(node)] : []), ...(subtle ? [webCryptoEd25519(subtle)] : [])]
}

/** node:crypto verifies at once on this thread: a third faster than WebCrypto, which hands each call to a thread pool. */
export const nodeEd25519 = (node: NodeCrypto): Ed25519 => {
  const publicKeys = new HandleCache<unknown>()
  return {
    name: 'node:crypto',
    async verify (publicKey, signature, message) {
      const handle = publicKeys.get(publicKey, () => node.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: toString(publicKey, 'base64url') }, format: 'jwk' }))
      return node.verify(null, message, handle, signature)
    },
    async sign (privateKey, message) {
      const handle = node.createPrivateKey({ key: pkcs8(privateKey), format: 'der', type: 'pkcs8' })
      return new Uint8Array(node.sign(null, message, handle))
    }
  }
}

export const webCryptoEd25519 = (subtle: Subtle): Ed25519 => {
  const publicKeys = new HandleCache<Promise<unknown>>()
  return {
    name: 'WebCrypto',
    async verify (publicKey, signature, message) {
      const handle = publicKeys.get(publicKey, () => subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']))
      return subtle.verify('Ed25519', await handle, signature, message)
    },
    async sign (privateKey, message) {
      const handle = await subtle.importKey('pkcs8', pkcs8(privateKey), 'Ed25519', false, ['sign'])
      return new Uint8Array(await subtle.sign('Ed25519', handle, message))
    }
  }
}

/** The parts of the platforms' APIs that are used, named here because core is compiled without the types of any runtime. */
export interface NodeCrypto {
  createPublicKey(key: object): unknown
  createPrivateKey(key: object): unknown
  verify(algorithm: null, data: Uint8Array, key: unknown, signature: Uint8Array): boolean
  sign(algorithm: null, data: Uint8Array, key: unknown): Uint8Array
}
export interface Subtle {
  importKey(format: string, key: Uint8Array, algorithm: string, extractable: boolean, usages: string[]): Promise<unknown>
  verify(algorithm: string, key: unknown, signature: Uint8Array, message: Uint8Array): Promise<boolean>
  sign(algorithm: string, key: unknown, message: Uint8Array): Promise<ArrayBuffer>
}

const nodeCrypto = (): NodeCrypto | undefined => {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }
  return process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined
}

/** RFC 8410: the fixed DER frame around a 32-byte Ed25519 seed. */
const PKCS8_PREFIX = Uint8Array.from([0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20])
/** Not by `concat`, whose memory on Node is a pool that everything small shares. */
const pkcs8 = (privateKey: Uint8Array): Uint8Array => Uint8Array.of(...PKCS8_PREFIX, ...privateKey)

/** Imported public keys of the last 1,024 signers: importing costs up to a third of a verification. */
class HandleCache<T> {
  private readonly handles = new Map<string, T>()

  get (publicKey: Uint8Array, create: () => T): T {
    const name = String.fromCharCode(...publicKey)
    const known = this.handles.get(name)
    if (known !== undefined) return known
    if (this.handles.size >= 1_024) this.handles.delete(this.handles.keys().next().value!)
    const handle = create()
    this.handles.set(name, handle)
    return handle
  }
}
