import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { MercuryError, StoreError } from '../../errors.ts'
import type { Host, Sink } from '../host.ts'
import { VERSION } from '../version.ts'
import { CHUNK_BYTES, readFrames, sendFrame, type ClientFrame, type ServerFrame } from './frames.ts'
import { makeSocketFolder, socketPath } from './path.ts'

const MAX_COMMANDS = 32
/** Enough for the largest input, an archive of 16 MiB. */
const MAX_WAITING_FRAMES = 128

export interface CommandSocket {
  readonly path: string
  /** Refuses new commands, interrupts those under way and resolves when they have ended. */
  close(): Promise<void>
}

/**
 * Takes commands for the node of `directory`, each with the terminal, files and pipes of the process that asks. Only this user reaches it.
 *
 * Whoever calls this holds the directory, so a socket that is there already is one that a killed node left.
 *
 * @param run answers with the exit status
 */
export const openCommandSocket = async (directory: string, run: (argv: readonly string[], host: Host) => Promise<number>): Promise<CommandSocket> => {
  const path = socketPath(directory)
  const closing = new AbortController()
  const underWay = new Set<Promise<void>>()
  const server = createServer((socket) => {
    const work = answer(socket, run, closing.signal).finally(() => underWay.delete(work))
    underWay.add(work)
  })
  server.maxConnections = MAX_COMMANDS
  await makeSocketFolder(path)
  if (process.platform !== 'win32') await rm(path, { force: true })
  const before = process.umask(0o177)
  try {
    server.listen(path)
  } finally {
    process.umask(before)
  }
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new StoreError(`the socket ${path} cannot be made: ${(error as Error).message}`, { cause: error })
  }
  return {
    path,
    async close () {
      const closed = new Promise((resolve) => server.close(resolve))
      closing.abort()
      await Promise.all(underWay)
      await closed
    }
  }
}

/** Never rejects: whatever a connection does ends with it. */
const answer = async (socket: Socket, run: (argv: readonly string[], host: Host) => Promise<number>, closing: AbortSignal): Promise<void> => {
  const gone = new AbortController()
  const signal = AbortSignal.any([closing, gone.signal])
  socket.on('error', () => undefined).once('close', () => gone.abort())
  const frames = new FrameQueue(socket)
  try {
    const request = await frames.next()
    if (request?.type !== 'run') return
    const send = async (frame: ServerFrame): Promise<void> => sendFrame(socket, frame)
    if (request.version !== VERSION) {
      await send({ type: 'stderr', data: base64(`mercury: mercury serve is version ${VERSION} and this command ${request.version}; restart it\n`) })
      await send({ type: 'exit', status: 1 })
      return
    }
    await send({ type: 'exit', status: await run(request.argv, remoteHost(request, frames, send, signal)) })
  } catch {
    // The other side is gone or sent what makes no sense: there is nobody to tell.
  } finally {
    socket.end(() => socket.destroy())
  }
}

/** Reads all the time, so that the end of a process that does not say anything is noticed. */
class FrameQueue {
  private readonly frames: ClientFrame[] = []
  private ended = false
  private wake = (): void => undefined

  constructor (socket: Socket) {
    void this.fill(socket)
  }

  /** Undefined at the end. */
  async next (): Promise<ClientFrame | undefined> {
    while (this.frames.length === 0 && !this.ended) await new Promise<void>((resolve) => { this.wake = resolve })
    return this.frames.shift()
  }

  private async fill (socket: Socket): Promise<void> {
    try {
      for await (const frame of readFrames<ClientFrame>(socket)) {
        this.frames.push(frame)
        if (this.frames.length > MAX_WAITING_FRAMES) break
        this.wake()
      }
    } catch {
      // It sent what is no frame; it gets no answer.
    }
    this.ended = true
    socket.destroy()
    this.wake()
  }
}

const remoteHost = ({ cwd, passphrase, stdin, ...sinks }: Extract<ClientFrame, { type: 'run' }>, frames: FrameQueue, send: (frame: ServerFrame) => Promise<void>, signal: AbortSignal): Host => {
  const next = async (): Promise<Exclude<ClientFrame, { type: 'run' }>> => {
    const frame = await frames.next()
    signal.throwIfAborted()
    if (!frame || frame.type === 'run') throw new MercuryError('INVALID_FRAME', 'the answer to a question did not come')
    if (frame.type === 'failed') throw new MercuryError(frame.code, frame.message)
    return frame
  }
  const sink = (name: 'stdout' | 'stderr'): Sink => ({
    ...sinks[name],
    async write (data) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) await send({ type: name, data: bytes.subarray(at, at + CHUNK_BYTES).toString('base64') })
    }
  })
  return {
    cwd,
    passphrase,
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    stdin: {
      ...stdin,
      async read (maxBytes) {
        await send({ type: 'read', maxBytes })
        const parts: Buffer[] = []
        let length = 0
        for (let last = false; !last;) {
          const frame = await next()
          if (frame.type !== 'input') throw new MercuryError('INVALID_FRAME', 'the input did not come')
          const part = Buffer.from(frame.data, 'base64')
          length += part.byteLength
          if (length > maxBytes) throw new MercuryError('INVALID_FRAME', 'more input came than was asked for')
          parts.push(part)
          last = frame.last
        }
        return new Uint8Array(Buffer.concat(parts))
      },
      async ask (question, { hidden = false } = {}) {
        await send({ type: 'ask', question, hidden })
        const frame = await next()
        if (frame.type !== 'line') throw new MercuryError('INVALID_FRAME', 'the answer did not come')
        return frame.text
      }
    },
    signal
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
