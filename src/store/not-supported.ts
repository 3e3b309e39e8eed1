import { MercuryError } from '../errors.ts'

/** The backend cannot do this, as its `supports` says. */
export class NotSupportedError extends MercuryError {
  override readonly name = 'NotSupportedError'
  constructor(what: string, options?: ErrorOptions) {
    super('NOT_SUPPORTED', `this store does not support ${what}`, options)
  }
}
