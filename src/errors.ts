/**
 * What can go wrong, as types. `code` is stable and meant for programs; `message` is for people.
 * Errors that carry more than a reason live beside the code that throws them and extend this class.
 */
export class MercuryError extends Error {
  override readonly name: string = 'MercuryError'
  /** Stable, upper case with underscores. */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A value is over a named limit of `limits.ts`. */
export class LimitError extends MercuryError {
  override readonly name = 'LimitError'
  readonly limit: string
  readonly max: number
  readonly value: number

  constructor(limit: string, max: number, value: number, options?: ErrorOptions) {
    super('LIMIT_EXCEEDED', `${limit} is limited to ${max}; got ${value}`, options)
    this.limit = limit
    this.max = max
    this.value = value
  }
}

/** Throws when `value` is over `max`. */
export const checkLimit = (limit: string, max: number, value: number): void => {
  if (value > max) throw new LimitError(limit, max, value)
}

/** Bytes that are not canonical DAG-CBOR, or hold what the format forbids. */
export class InvalidCborError extends MercuryError {
  override readonly name = 'InvalidCborError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_CBOR', `not canonical DAG-CBOR: ${reason}`, options)
  }
}

/** A signature does not verify, or a public key is not one that is admitted. */
export class InvalidSignatureError extends MercuryError {
  override readonly name = 'InvalidSignatureError'
  constructor(what: string, options?: ErrorOptions) {
    super('INVALID_SIGNATURE', `the signature of the ${what} does not verify`, options)
  }
}

/** Authentic, perhaps, but of a version or with a required key that this reader does not know. */
export class UnsupportedError extends MercuryError {
  override readonly name = 'UnsupportedError'
  constructor(what: string, options?: ErrorOptions) {
    super('UNSUPPORTED', `${what} is not supported by this version; update the program that reads it`, options)
  }
}

/** Somebody else was faster, or a check of a batch failed; nothing was written. */
export class ConflictError extends MercuryError {
  override readonly name = 'ConflictError'
  constructor(message: string, options?: ErrorOptions) {
    super('CONFLICT', message, options)
  }
}

/** The store failed to read or to write; what was acknowledged before is intact. */
export class StoreError extends MercuryError {
  override readonly name = 'StoreError'
  constructor(message: string, options?: ErrorOptions) {
    super('STORE_FAILED', message, options)
  }
}

/** Somebody else holds the store. */
export class StoreLockedError extends MercuryError {
  override readonly name = 'StoreLockedError'
  constructor(location: string, options?: ErrorOptions) {
    super('STORE_LOCKED', `${location} is in use by another process`, options)
  }
}

/** The store, the router or the client was closed before this call. */
export class ClosedError extends MercuryError {
  override readonly name = 'ClosedError'
  constructor(what: string, options?: ErrorOptions) {
    super('CLOSED', `the ${what} is closed`, options)
  }
}

/** An optional package that an adapter needs is not installed. */
export class MissingDependencyError extends MercuryError {
  override readonly name = 'MissingDependencyError'
  constructor(entry: string, packages: readonly string[], options?: ErrorOptions) {
    super('MISSING_DEPENDENCY', `mercury-profiles/${entry} needs packages that are not installed; run: npm install ${packages.join(' ')}`, options)
  }
}

/** What was thrown, as text: a backend may throw anything, also what cannot be turned into text. */
export const reasonOf = (thrown: unknown): string => {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    return `a ${typeof thrown} was thrown`
  }
}
