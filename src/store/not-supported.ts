import { MercuryError } from '../errors.ts'

/** The backend cannot do this, as its `supports` says. */
export class NotSupportedError extends MercuryError {
  override readonly name = 'NotSupportedError'
  constructor(what: string, { by = 'this store', ...options }: ErrorOptions & { by?: string } = {}) {
    super('NOT_SUPPORTED', `${by} does not support ${what}`, options)
  }
}
