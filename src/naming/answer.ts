import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'

/**
 * What one router did in one look-up, measured against the record that the look-up ended with:
 * `found` gave that record; `fork` another one of the same sequence; `older` only older ones; `invalid` only what is not authentic;
 * `none` ended empty; `failed` threw; `timeout` did not end in time; `unfinished` was still at it when the answer was given.
 */
export type RouterOutcome = 'found' | 'fork' | 'older' | 'invalid' | 'none' | 'failed' | 'timeout' | 'unfinished'

export interface RouterAnswer {
  router: string
  outcome: RouterOutcome
  /** From the question to the end of this router's answer, or of the look-up. */
  ms: number
  /** Why it failed, or why what it gave was refused; for people. */
  reason?: string
  /** Code of that reason where it has one. */
  code?: string
}

abstract class LookupError extends MercuryError {
  readonly id: ProfileId
  readonly answers: readonly RouterAnswer[]
  constructor(code: string, id: ProfileId, message: string, answers: readonly RouterAnswer[], options?: ErrorOptions) {
    super(code, message, options)
    this.id = id
    this.answers = answers
  }
}

/** Every router that was asked answered that it knows no such profile. */
export class NotFoundError extends LookupError {
  override readonly name = 'NotFoundError'
  constructor(id: ProfileId, answers: readonly RouterAnswer[], options?: ErrorOptions) {
    super('NOT_FOUND', id, `nobody knows ${id}; ${summary(answers)}`, answers, options)
  }
}

/** Nothing is known of the profile, and not everybody who might know answered; try again. */
export class UnreachableError extends LookupError {
  override readonly name = 'UnreachableError'
  constructor(id: ProfileId, answers: readonly RouterAnswer[], options?: ErrorOptions & { what?: string }) {
    super('UNREACHABLE', id, `${options?.what ?? `${id} could not be looked up`}; ${summary(answers)}`, answers, options)
  }
}

/** The owner removed the profile for good. */
export class GoneError extends LookupError {
  override readonly name = 'GoneError'
  constructor(id: ProfileId, answers: readonly RouterAnswer[], options?: ErrorOptions) {
    super('GONE', id, `the owner removed ${id}`, answers, options)
  }
}

const summary = (answers: readonly RouterAnswer[]): string =>
  answers.length === 0 ? 'no router was asked' : `asked ${answers.map(({ router, outcome, reason }) => `${router} (${outcome}${reason ? `: ${reason}` : ''})`).join(', ')}`
