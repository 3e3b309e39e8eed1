/** What is used of the library, which brings no types. */
declare module 'bittorrent-dht' {
  import type { EventEmitter } from 'node:events'

  interface DhtNode {
    id: Buffer
    host: string
    port: number
  }

  export interface ClientOptions {
    nodeId?: Buffer
    /** `host:port`; `false` for none. */
    bootstrap?: readonly string[] | false
    host?: string
    concurrency?: number
    maxValues?: number
    maxPeers?: number
    verify?: (signature: Buffer, message: Uint8Array, publicKey: Buffer) => boolean
    krpcSocket?: EventEmitter
  }

  export interface GetResult {
    id: Buffer
    v: Buffer | unknown[]
    k?: Buffer
    sig?: Buffer
    seq?: number
  }

  export class Client extends EventEmitter {
    constructor (options?: ClientOptions)
    readonly nodeId: Buffer
    readonly nodes: { toArray(): DhtNode[]; get(id: Uint8Array): DhtNode | null }
    readonly ready: boolean
    /** Its k-rpc: not of the documented interface, and so of this version alone. */
    readonly _rpc: EventEmitter
    listen (port: number, host: string, onListening?: () => void): void
    address (): { address: string; port: number }
    addNode (node: { host: string; port: number }): void
    removeNode (id: Uint8Array): void
    put (item: { v: Buffer | readonly Buffer[]; k?: Buffer; seq?: number; salt?: Buffer; sign?: (message: Uint8Array) => Buffer; sig?: Buffer }, callback: (error: Error | null, hash: Buffer, stored: number) => void): Buffer
    get (target: Buffer, options: { verify?: ClientOptions['verify']; salt?: Buffer; cache?: boolean }, callback: (error: Error | null, result: GetResult | null) => void): void
    destroy (callback?: () => void): void
  }

  export default Client
}
