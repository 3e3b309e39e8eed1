import { MercuryError } from '../errors.ts'

/** A router could not ask, or what answered broke the protocol; it says nothing about whether there is a record. */
export class RouterFailedError extends MercuryError {
  override readonly name = 'RouterFailedError'
  readonly router: string
  /** The HTTP status, where one came. */
  declare readonly status?: number

  constructor(router: string, reason: string, { status, ...options }: ErrorOptions & { status?: number } = {}) {
    super('ROUTER_FAILED', `router ${router} failed: ${reason}`, options)
    this.router = router
    if (status !== undefined) this.status = status
  }
}
