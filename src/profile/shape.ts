import type { CID } from 'multiformats/cid'
import { utf8Length } from '../bytes.ts'
import { isCborMap, type CborMap, type CborValue } from '../cbor.ts'
import { MercuryError } from '../errors.ts'

/** An artefact that breaks a rule of docs/spec.md; `path` names the field. */
export class InvalidShapeError extends MercuryError {
  override readonly name = 'InvalidShapeError'
  readonly path: string
  constructor(code: string, what: string, path: string, reason: string, options?: ErrorOptions) {
    super(code, `not a valid ${what}: ${path} ${reason}`, options)
    this.path = path
  }
}

/**
 * Reads the fields of one decoded map and names the one that breaks a rule.
 * `code` and `what` go into the errors: `INVALID_DOCUMENT`, `document`.
 */
export class Shape {
  readonly map: CborMap
  private readonly code: string
  private readonly what: string
  private readonly path: string

  constructor (map: CborMap, code: string, what: string, path = '') {
    this.map = map
    this.code = code
    this.what = what
    this.path = path
  }

  fail (key: string, reason: string, options?: ErrorOptions): never {
    throw new InvalidShapeError(this.code, this.what, `${this.path}${key}`, reason, options)
  }

  has (key: string): boolean {
    return this.map[key] !== undefined
  }

  uint (key: string): number {
    const value = this.map[key]
    if (typeof value !== 'number' || value < 0) return this.fail(key, 'must be an unsigned integer')
    return value
  }

  bytes (key: string, length: number): Uint8Array {
    const value = this.map[key]
    if (!(value instanceof Uint8Array) || value.byteLength !== length) return this.fail(key, `must be ${length} bytes`)
    return value
  }

  bytesOrNull (key: string, length: number): Uint8Array | null {
    return this.map[key] === null ? null : this.bytes(key, length)
  }

  text (key: string, maxBytes: number): string {
    const value = this.map[key]
    if (typeof value !== 'string' || value === '' || utf8Length(value) > maxBytes) return this.fail(key, `must be text of 1 to ${maxBytes} bytes`)
    return value
  }

  boolean (key: string): boolean {
    const value = this.map[key]
    if (typeof value !== 'boolean') return this.fail(key, 'must be true or false')
    return value
  }

  child (key: string): Shape {
    return this.childOf(key, this.map[key])
  }

  list (key: string, max: number): readonly CborValue[] {
    const value = this.map[key]
    if (!Array.isArray(value)) return this.fail(key, 'must be a list')
    if (value.length > max) return this.fail(key, `must have at most ${max} entries; it has ${value.length}`)
    return value
  }

  texts (key: string, max: number, maxBytes: number): readonly string[] {
    return this.list(key, max).map((value, i) => {
      if (typeof value !== 'string' || value === '' || utf8Length(value) > maxBytes) return this.fail(`${key}[${i}]`, `must be text of 1 to ${maxBytes} bytes`)
      return value
    })
  }

  children (key: string, max: number): Shape[] {
    return this.list(key, max).map((value, i) => this.childOf(`${key}[${i}]`, value))
  }

  cids (key: string, max: number, accept: (cid: CID) => boolean, reason: string): readonly CID[] {
    return this.list(key, max).map((value, i) => {
      if (!isCid(value) || !accept(value)) return this.fail(`${key}[${i}]`, reason)
      return value
    })
  }

  private childOf (key: string, value: CborValue | undefined): Shape {
    if (!isCborMap(value)) return this.fail(key, 'must be a map')
    return new Shape(value, this.code, this.what, `${this.path}${key}.`)
  }
}

const isCid = (value: CborValue): value is CID => typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && !isCborMap(value)
