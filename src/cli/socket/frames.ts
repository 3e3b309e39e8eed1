import { once } from 'node:events'
import type { Socket } from 'node:net'
import { MercuryError } from '../../errors.ts'
import type { Sink } from '../host.ts'

/** What a sink is like, without its `write`. */
export type Look = Omit<Sink, 'write'>

/** What a process that wants a command run sends. Bytes are base64. */
export type ClientFrame =
  | {
    type: 'run'
    version: string
    argv: readonly string[]
    cwd: string
    passphrase?: string | undefined
    stdout: Look
    stderr: Look
    stdin: { isTerminal: boolean }
  }
  | { type: 'input'; data: string; last: boolean }
  | { type: 'line'; text: string }
  /** What was asked for cannot be had. */
  | { type: 'failed'; code: string; message: string }

/** What the node answers; the last frame is `exit`. */
export type ServerFrame =
  | { type: 'stdout' | 'stderr'; data: string }
  | { type: 'read'; maxBytes: number }
  | { type: 'ask'; question: string; hidden: boolean }
  | { type: 'exit'; status: number }

/** One frame is one line of JSON. */
const MAX_FRAME_LENGTH = 1_048_576
/** Bytes of output or input that go into one frame. */
export const CHUNK_BYTES = 262_144

/** Resolved when there is room for more; a socket that is gone takes everything. */
export const sendFrame = async (socket: Socket, frame: ClientFrame | ServerFrame): Promise<void> => {
  if (socket.destroyed || socket.write(`${JSON.stringify(frame)}\n`)) return
  const done = new AbortController()
  try {
    await Promise.race([once(socket, 'drain', { signal: done.signal }), once(socket, 'close', { signal: done.signal })])
  } finally {
    done.abort()
  }
}

/** The frames of the other side until it ends; a broken connection is an end too. */
export async function * readFrames<Frame extends ClientFrame | ServerFrame> (socket: Socket): AsyncGenerator<Frame> {
  let waiting = ''
  socket.setEncoding('utf8')
  try {
    for await (const part of socket as AsyncIterable<string>) {
      const lines = (waiting + part).split('\n')
      waiting = lines.pop()!
      for (const line of lines) yield JSON.parse(line) as Frame
      if (waiting.length > MAX_FRAME_LENGTH) throw new MercuryError('INVALID_FRAME', `a message over ${MAX_FRAME_LENGTH} characters came through the socket`)
    }
  } catch (error) {
    if (!isBroken(error)) throw error
  }
}

const isBroken = (error: unknown): boolean => error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ABORT_ERR')
