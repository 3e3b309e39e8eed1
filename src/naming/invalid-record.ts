import { MercuryError } from '../errors.ts'

/** Bytes that are no authentic IPNS record of the name that was asked for. */
export class InvalidRecordError extends MercuryError {
  override readonly name = 'InvalidRecordError'
  constructor(reason: string, options?: ErrorOptions) {
    super('INVALID_RECORD', `not a valid record: ${reason}`, options)
  }
}
