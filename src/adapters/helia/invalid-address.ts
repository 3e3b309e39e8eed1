import { MercuryError } from '../../errors.ts'

/** A multiaddr that was given does not parse, or lacks the peer ID that it needs. */
export class InvalidAddressError extends MercuryError {
  override readonly name = 'InvalidAddressError'
  constructor(address: string, { wanted = 'a multiaddr', ...options }: ErrorOptions & { wanted?: string } = {}) {
    super('INVALID_ADDRESS', `not ${wanted}: ${address.slice(0, 128)}`, options)
  }
}
