import { equals } from 'uint8arrays'

/** The subject of a contract suite breaks the clause that is running. */
export class BrokenClauseError extends Error {
  override readonly name = 'BrokenClauseError'
}

export const assert: (condition: unknown, message: string) => asserts condition = (condition, message) => {
  if (!condition) throw new BrokenClauseError(message)
}

/** `undefined` is absence and equals only itself. */
export const assertBytes = (actual: Uint8Array | undefined, expected: Uint8Array | undefined, what: string): void => {
  const same = actual && expected ? equals(actual, expected) : actual === expected
  assert(same, `${what}: got ${describe(actual)}, not ${describe(expected)}`)
}

/** Compares lists of texts, numbers and booleans. */
export const assertList = (actual: readonly (string | number | boolean)[], expected: readonly (string | number | boolean)[], what: string): void => {
  assert(actual.length === expected.length && actual.every((item, i) => item === expected[i]), `${what}: got ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`)
}

/** What `work` rejects with. */
export const rejectionOf = async (work: Promise<unknown>, what: string): Promise<unknown> => {
  let answer: unknown
  try {
    answer = await work
  } catch (error) {
    return error
  }
  throw new BrokenClauseError(`${what}: resolved with ${answer instanceof Uint8Array ? describe(answer) : String(answer)} instead of rejecting`)
}

/** `work` rejects with an error that carries `code`. */
export const assertCode = async (work: Promise<unknown>, code: string, what: string): Promise<void> => {
  const error = await rejectionOf(work, what)
  assert((error as { code?: unknown } | undefined)?.code === code, `${what}: rejected with ${String(error)}, not with the code ${code}`)
}

/** `work` rejects with `reason` itself. */
export const assertReason = async (work: Promise<unknown>, reason: unknown, what: string): Promise<void> => {
  const error = await rejectionOf(work, what)
  assert(error === reason, `${what}: rejected with ${String(error)}, not with the reason of the signal`)
}

const describe = (bytes: Uint8Array | undefined): string => {
  if (bytes === undefined) return 'nothing'
  const head = Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${bytes.byteLength} bytes ${head}${bytes.byteLength > 16 ? '…' : ''}`
}
