import { connect, type Socket } from 'node:net'
import { MercuryError } from '../../errors.ts'
import type { Host, Sink } from '../host.ts'
import { VERSION } from '../version.ts'
import { CHUNK_BYTES, readFrames, sendFrame, type Look, type ServerFrame } from './frames.ts'
import { checkSocketOwner, socketPath } from './path.ts'

/**
 * Has the node that runs on `directory` run the command, with this process's terminal, files and pipes.
 *
 * @returns its exit status, or undefined where no node runs
 * @throws MercuryError `NODE_STOPPED` when the node ends before the command does
 */
export const forward = async (argv: readonly string[], host: Host, directory: string): Promise<number | undefined> => {
  const socket = await dial(directory)
  if (!socket) return undefined
  const leave = (): void => void socket.destroy()
  host.signal.addEventListener('abort', leave, { once: true })
  try {
    host.signal.throwIfAborted()
    const { cwd, passphrase, stdout, stderr, stdin } = host
    await sendFrame(socket, { type: 'run', version: VERSION, argv, cwd, passphrase, stdout: looks(stdout), stderr: looks(stderr), stdin: { isTerminal: stdin.isTerminal } })
    for await (const frame of readFrames<ServerFrame>(socket)) {
      if (frame.type === 'exit') return frame.status
      await serve(frame, socket, host)
    }
    host.signal.throwIfAborted()
    throw new MercuryError('NODE_STOPPED', 'mercury serve stopped before it had done the command; run it again')
  } finally {
    host.signal.removeEventListener('abort', leave)
    socket.destroy()
  }
}

/** A socket that nobody listens on any more, or none, is no node. */
const dial = async (directory: string): Promise<Socket | undefined> => {
  const path = socketPath(directory)
  if (!(await checkSocketOwner(path))) return undefined
  const { promise, resolve, reject } = Promise.withResolvers<Socket | undefined>()
  const socket = connect(path)
  socket.once('connect', () => resolve(socket))
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT' || error.code === 'ENOTSOCK') resolve(undefined)
    else reject(new MercuryError('NODE_UNREACHABLE', `mercury serve cannot be asked (${error.message}); restart it`, { cause: error }))
  })
  const connected = await promise
  // Errors from now on end the iteration; without a listener they would end the process.
  connected?.on('error', () => undefined)
  return connected
}

const looks = ({ isTerminal, hasColours, columns, rows }: Sink): Look => ({ isTerminal, hasColours, columns, rows })

const serve = async (frame: Exclude<ServerFrame, { type: 'exit' }>, socket: Socket, host: Host): Promise<void> => {
  try {
    if (frame.type === 'ask') await sendFrame(socket, { type: 'line', text: await host.stdin.ask(frame.question, { hidden: frame.hidden }) })
    else if (frame.type === 'read') await sendInput(socket, await host.stdin.read(frame.maxBytes))
    else await host[frame.type].write(Buffer.from(frame.data, 'base64'))
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
    await sendFrame(socket, { type: 'failed', code: error.code, message: error.message })
  }
}

const sendInput = async (socket: Socket, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; ; at += CHUNK_BYTES) {
    const last = at + CHUNK_BYTES >= bytes.byteLength
    await sendFrame(socket, { type: 'input', data: Buffer.from(bytes.subarray(at, at + CHUNK_BYTES)).toString('base64'), last })
    if (last) return
  }
}
