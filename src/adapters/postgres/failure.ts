import { StoreError } from '../../errors.ts'

/**
 * What went wrong, in one sentence.
 *
 * pg's error is not the cause: its message names the role, its detail may hold keys, and what it was asked stands in it.
 */
export const failureOf = (what: string, location: string, error: unknown): StoreError => {
  const code = codeOf(error)
  return new StoreError(`PostgreSQL cannot ${what}: ${reasonOf(error, code)}${code === undefined ? '' : ` (${code})`}; location=${location}`)
}

/** The SQLSTATE of an answer of the server, or Node's code of what broke the connection. */
export const codeOf = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && /^[A-Z0-9_]{1,48}$/.test(code) ? code : undefined
}

/** Whether the server answered and goes on to serve this connection; after the others it closes it. */
export const isAnswer = (error: unknown): boolean => SQLSTATE.test(codeOf(error) ?? '') && !/^(?:08|28|57P)/.test(codeOf(error) ?? '')

/** Whether the server takes no connection now and may soon: it starts up or has no connection left. */
export const isBusy = (error: unknown): boolean => ['57P03', '53300'].includes(codeOf(error) ?? '')

/** Whether the server undid a transaction that would succeed when tried again: a serialization failure or a deadlock. */
export const isRolledBack = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error) ?? '')

/** Whether a transaction asked for more locks than the server has room for. */
export const isOutOfLocks = (error: unknown): boolean => codeOf(error) === '53200'

/** Unlike Node's codes, each has a digit. */
const SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/

const reasonOf = (error: unknown, code: string | undefined): string => {
  if (code === undefined) return reasonWithoutCode(error)
  if (!SQLSTATE.test(code)) return 'the server cannot be reached'
  return REASON_BY_SQLSTATE[code] ?? REASON_BY_CLASS[code.slice(0, 2)] ?? 'the server answered with an error'
}

const REASON_BY_SQLSTATE: Readonly<Record<string, string>> = {
  '25006': 'the server or the role only reads',
  '25P03': 'an iteration rested for longer than the server allows',
  '3D000': 'there is no such database',
  '3F000': 'there is no schema to make the table in',
  '42501': 'the role lacks a right that is needed',
  '42883': 'the function of the table is gone',
  '42P01': 'the table is gone',
  '53100': 'the disk of the server is full',
  '53200': 'the server is out of memory or locks',
  '53300': 'the server has no connection left',
  '57014': 'the server ended the statement, which took too long or was cancelled',
  '57P01': 'the server shuts down',
  '57P02': 'the server crashed',
  '57P03': 'the server does not take connections now'
}

const REASON_BY_CLASS: Readonly<Record<string, string>> = {
  '28': 'the server refuses the credentials',
  '40': 'other transactions got in the way each time',
  '53': 'the server lacks a resource',
  '58': 'the server met an error of its system',
  'XX': 'the server found damage or a fault of its own'
}

const reasonWithoutCode = (error: unknown): string => {
  const message = error instanceof Error ? error.message : ''
  if (message.startsWith('SASL')) return 'the server asks for a password and was given none, or none that it knows'
  if (message === 'The server does not support SSL connections') return 'the server has no TLS'
  return 'the connection broke'
}
