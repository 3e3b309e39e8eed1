import { utf8 } from '../bytes.ts'
import type { Answer } from './route.ts'

type Headers = Readonly<Record<string, string>>

/** Answers `bytes` of a media type. */
export const bytesAnswer = (type: string, bytes: Uint8Array, headers: Headers = {}, status = 200): Answer => ({ status, headers: { 'content-type': type, ...headers }, body: bytes })

/** Answers `value` as JSON. */
export const jsonAnswer = (value: unknown, headers: Headers = {}, status = 200): Answer => bytesAnswer('application/json', utf8(`${JSON.stringify(value)}\n`), headers, status)

/** Nobody may keep the answer. */
export const NO_STORE: Headers = { 'cache-control': 'no-store' }
