/** What core uses of `node:crypto` where it is there; named here because core is compiled without the types of any runtime. */
export interface NodeCrypto {
  createPublicKey(key: object): unknown
  createPrivateKey(key: object): unknown
  verify(algorithm: null, data: Uint8Array, key: unknown, signature: Uint8Array, callback: (error: Error | null, valid: boolean) => void): unknown
  sign(algorithm: null, data: Uint8Array, key: unknown): Uint8Array
  /** Since Node 20.12; other runtimes that have `node:crypto` may lack it. */
  hash?(algorithm: string, data: Uint8Array, encoding: 'buffer'): Uint8Array
}

/** Without an import, which bundlers for browsers would follow. */
export const nodeCrypto = (): NodeCrypto | undefined => {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }
  return process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined
}
