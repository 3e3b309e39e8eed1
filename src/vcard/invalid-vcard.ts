import { MercuryError } from '../errors.ts'

/** Text that is not one vCard of version 3.0 or 4.0. */
export class InvalidVcardError extends MercuryError {
  override readonly name = 'InvalidVcardError'
  constructor (reason: string, options?: ErrorOptions) {
    super('INVALID_VCARD', `not a vCard that can be read: ${reason}`, options)
  }
}
