import type { IncomingMessage } from 'node:http'
import { LimitError } from '../errors.ts'
import { ProblemError } from './problem.ts'

/**
 * The body of `request`, read to its end and never beyond `maxBytes`; what it announces is judged first.
 *
 * @throws LimitError; ProblemError `COMPRESSED_BODY`, `BODY_INCOMPLETE`
 */
export const readBody = (request: IncomingMessage, maxBytes: number): Promise<Uint8Array> => {
  const { 'content-encoding': encoding = 'identity', 'content-length': announced } = request.headers
  if (encoding.trim().toLowerCase() !== 'identity') throw new ProblemError(415, 'COMPRESSED_BODY', 'a compressed body is not taken')
  if (announced !== undefined && Number(announced) > maxBytes) throw new LimitError('body bytes', maxBytes, Number(announced))
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const chunks: Buffer[] = []
  let length = 0
  const onData = (chunk: Buffer): void => {
    length += chunk.byteLength
    if (length <= maxBytes) {
      chunks.push(chunk)
      return
    }
    chunks.length = 0
    leave()
    request.pause()
    reject(new LimitError('body bytes', maxBytes, length))
  }
  const onEnd = (): void => {
    leave()
    resolve(chunks.length === 1 ? plain(chunks[0]!) : new Uint8Array(Buffer.concat(chunks)))
  }
  const onGone = (): void => {
    leave()
    reject(new ProblemError(400, 'BODY_INCOMPLETE', 'the body ended before it was whole'))
  }
  const leave = (): void => {
    request.off('data', onData).off('end', onEnd).off('close', onGone)
  }
  request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', ignore)
  if (request.destroyed) onGone()
  return promise
}

const plain = (chunk: Buffer): Uint8Array => new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)

/** `close` follows. */
const ignore = (): void => {}
