import { randomBytes } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { EventEmitter } from 'node:events'
import { isIPv4 } from 'node:net'
import { MercuryError } from '../../errors.ts'
import { SECOND_MS } from '../../limits.ts'
import { isPrivateHost } from '../private-address.ts'
import { createAllowance } from './allowance.ts'
import { encodeBencode, type Bencode, type BencodeMap } from './bencode.ts'
import { MAX_PACKET_BYTES, parseKrpcMessage, type QueryArguments, type ReplyFields } from './krpc-message.ts'
import { isSignedItem } from './item.ts'

const ANSWER_MS = 2 * SECOND_MS
const MAX_QUERIES_A_SECOND = 1_000
const MAX_VERIFYING = 256
/** The number that BEP 44 has for it. */
const INVALID_SIGNATURE = 206

export interface Peer {
  readonly host: string
  readonly port: number
  readonly id?: Buffer
}

export interface Query {
  readonly q: string
  readonly a: BencodeMap
}

export interface Reply {
  readonly r: ReplyFields
}

/** An `error` has the number that the other side gave as its `code`, or the text `ETIMEDOUT`, `EUNEXPECTEDNODE` or `ECANCELLED`. */
export type OnReply = (error: (Error & { code?: number | string }) | null, reply: Reply | null, peer: Peer) => void

/** Ends the queries of one walk when `signal` aborts, and after `maxQueries`. */
export interface Bound {
  readonly signal: AbortSignal
  readonly maxQueries: number
}

export interface KrpcSocketOptions {
  readonly host: string
  readonly port: number
  /** Whether to answer the queries of others. */
  readonly answers: boolean
  readonly allowPrivate: boolean
  /** @default 2 s */
  readonly answerMs?: number
}

interface Waiting {
  readonly peer: Peer
  readonly message: Query
  readonly callback: OnReply
  readonly timer: NodeJS.Timeout
}

/** The UDP port cannot be had. */
export class ListenFailedError extends MercuryError {
  override readonly name = 'ListenFailedError'
  constructor(host: string, port: number, options?: ErrorOptions) {
    super('LISTEN_FAILED', `cannot listen on UDP ${host}:${port}`, options)
  }
}

/** Opens the UDP port. @throws ListenFailedError */
export const openKrpcSocket = async (options: KrpcSocketOptions): Promise<KrpcSocket> => {
  const udp = createSocket('udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject)
      udp.bind(options.port, options.host, () => {
        udp.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    udp.close()
    throw new ListenFailedError(options.host, options.port, { cause: error })
  }
  return new KrpcSocket(udp, options)
}

/**
 * The queries and answers of the DHT over one UDP port, in place of the library's own socket (`k-rpc-socket`), whose interface it has.
 *
 * Taken are answers from the very address that was asked, and, when it `answers`, at most 1,000 queries a second. What is malformed is dropped;
 * the signature of an item that somebody puts here is verified before the library sees it.
 */
export class KrpcSocket extends EventEmitter {
  /** Queries under way. */
  inflight = 0
  private readonly udp: Socket
  private readonly options: KrpcSocketOptions
  private readonly waitingByTransaction = new Map<string, Waiting>()
  private readonly bounds = new WeakMap<Query, { signal: AbortSignal; left: number }>()
  private readonly allowance = createAllowance(MAX_QUERIES_A_SECOND)
  private verifying = 0
  private isClosed = false

  constructor (udp: Socket, options: KrpcSocketOptions) {
    super()
    this.udp = udp
    this.options = options
    udp.on('message', (packet, from) => this.receive(packet, from))
    // An error of a bound socket is about one packet that could not go out; its query fails or runs out of time.
    udp.on('error', (error) => this.emit('warning', error))
  }

  /** Bounds all queries that are sent with this very `message`. @returns what ends the bound, and those under way */
  bound (message: Query, { signal, maxQueries }: Bound): () => void {
    this.bounds.set(message, { signal, left: maxQueries })
    const end = (): void => {
      signal.removeEventListener('abort', end)
      this.bounds.set(message, { signal, left: 0 })
      for (const [transaction, waiting] of this.waitingByTransaction) if (waiting.message === message) this.settle(transaction, failure('ECANCELLED'), null, waiting.peer)
    }
    signal.addEventListener('abort', end)
    return end
  }

  query (peer: Peer, message: Query, callback: OnReply): void {
    if (!isIPv4(peer.host)) void this.resolveAndQuery(peer, message, callback)
    else if (this.mayAsk(peer, message)) this.ask(peer, message, callback)
    else this.refuse(peer, callback)
  }

  response (peer: RemoteInfo, query: { t: Buffer }, r: BencodeMap): void {
    this.send(peer.address, peer.port, { t: query.t, y: Buffer.from('r'), r: withoutNull(r) })
  }

  error (peer: RemoteInfo, query: { t: Buffer }, [code, text]: [number, string]): void {
    this.send(peer.address, peer.port, { t: query.t, y: Buffer.from('e'), e: [code, Buffer.from(text)] })
  }

  /** It is bound already; the library waits for the event. At once, for later the socket may be closed. */
  bind (): void {
    this.emit('listening')
  }

  address (): { address: string; port: number } {
    return this.udp.address()
  }

  destroy (callback?: () => void): void {
    this.isClosed = true
    for (const [transaction, { peer }] of this.waitingByTransaction) this.settle(transaction, failure('ECANCELLED'), null, peer)
    this.udp.close(callback)
  }

  private mayAsk ({ host, port }: Peer, message: Query): boolean {
    const bound = this.bounds.get(message)
    return !this.isClosed && port > 0 && (this.options.allowPrivate || !isPrivateHost(host)) && (!bound || (!bound.signal.aborted && bound.left-- > 0))
  }

  private ask (peer: Peer, message: Query, callback: OnReply): void {
    const t = randomBytes(4)
    const transaction = t.toString('hex')
    const timer = setTimeout(() => this.settle(transaction, failure('ETIMEDOUT'), null, peer), this.options.answerMs ?? ANSWER_MS)
    this.waitingByTransaction.set(transaction, { peer, message, callback, timer })
    this.inflight++
    // BEP 43: who does not answer says so, and is asked by nobody.
    this.send(peer.host, peer.port, { t, y: Buffer.from('q'), q: Buffer.from(message.q), a: message.a, ...(this.options.answers ? {} : { ro: 1 }) })
  }

  /** Never at once: the library counts a query after it has sent it. */
  private refuse (peer: Peer, callback: OnReply): void {
    process.nextTick(() => {
      callback(failure('ECANCELLED'), null, peer)
      this.emit('update')
      this.emit('postupdate')
    })
  }

  /** The names of bootstrap nodes; nodes themselves tell addresses only. */
  private async resolveAndQuery ({ host, port }: Peer, message: Query, callback: OnReply): Promise<void> {
    try {
      const { address } = await lookup(host, { family: 4 })
      this.query({ host: address, port }, message, callback)
    } catch {
      this.refuse({ host, port }, callback)
    }
  }

  private settle (transaction: string, ...outcome: Parameters<OnReply>): void {
    const waiting = this.waitingByTransaction.get(transaction)
    if (!waiting) return
    this.waitingByTransaction.delete(transaction)
    clearTimeout(waiting.timer)
    this.inflight--
    waiting.callback(...outcome)
    this.emit('update')
    this.emit('postupdate')
  }

  private receive (packet: Buffer, from: RemoteInfo): void {
    if (this.isClosed || from.port === 0) return
    const message = parseKrpcMessage(packet)
    if (!message) return
    if (message.type === 'query') return this.receiveQuery(message, from)
    const transaction = message.t.toString('hex')
    const peer = this.waitingByTransaction.get(transaction)?.peer
    if (!peer || peer.host !== from.address || peer.port !== from.port) return
    if (message.type === 'error') return this.settle(transaction, failure(message.errorCode, message.errorText), null, peer)
    if (peer.id && !peer.id.equals(message.r.id)) return this.settle(transaction, failure('EUNEXPECTEDNODE'), null, peer)
    this.settle(transaction, null, message, { host: from.address, port: from.port })
    this.emit('response', message, from)
  }

  private receiveQuery (query: { t: Buffer; q: Buffer; a: QueryArguments; ro?: number }, from: RemoteInfo): void {
    if (!this.options.answers || !this.allowance()) return
    if (query.q.toString('latin1') === 'put' && query.a.k !== undefined) void this.verifyPut(query, from)
    else this.emit('query', query, from)
  }

  private async verifyPut (query: { t: Buffer; a: QueryArguments }, from: RemoteInfo): Promise<void> {
    if (this.verifying >= MAX_VERIFYING) return
    const { k, salt, seq, v, sig } = query.a as unknown as { k: Buffer; salt?: Buffer; seq: number; v: Bencode; sig: Buffer }
    this.verifying++
    const isSigned = await isSignedItem({ publicKey: k, ...(salt ? { salt } : {}) }, { seq, v, sig }).catch(() => false)
    this.verifying--
    if (this.isClosed) return
    if (isSigned) this.emit('query', query, from)
    else this.error(from, query, [INVALID_SIGNATURE, 'invalid signature'])
  }

  private send (host: string, port: number, message: BencodeMap): void {
    if (this.isClosed) return
    const packet = encodeBencode(message)
    // An answer that could be no packet of ours is not worth sending; whoever asked runs out of time.
    if (packet.byteLength > MAX_PACKET_BYTES) return
    this.udp.send(packet, port, host, () => undefined)
  }
}

/** The library leaves a token out by `null`. */
const withoutNull = (fields: BencodeMap): BencodeMap => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

const failure = (code: number | string, text = ''): Error & { code: number | string } => Object.assign(new Error(`the query failed: ${code} ${text}`.trimEnd()), { code })
