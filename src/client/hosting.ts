import { MercuryError } from '../errors.ts'
import type { HomeDescription } from '../hosting/agreement.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { HomeEntry } from '../profile/document.ts'
import type { UploadedMedia } from './home-media.ts'
import type { PublishOptions, PublishProgress } from './publish.ts'
import type { Published } from './receipt.ts'

/** What happens while a persona joins, leaves or moves, for a terminal or a log. */
export type HostingProgress =
  | PublishProgress
  | { type: 'described'; description: HomeDescription }
  | { type: 'agreed'; home: ProfileId; acceptance: HomeEntry }
  | { type: 'uploaded'; home: ProfileId; media: UploadedMedia }
  | { type: 'active'; home: ProfileId }
  | { type: 'ended'; ended: EndedHome }
  | { type: 'step'; step: MoveStep }

/** Each is written down before it starts. */
export const MOVE_STEPS = ['agree', 'media', 'publish', 'read-back', 'withdraw', 'end'] as const
export type MoveStep = typeof MOVE_STEPS[number]

export interface HostingOptions extends Pick<PublishOptions, 'wait' | 'first' | 'signal'> {
  onProgress?: (progress: HostingProgress) => void
}

export interface JoinOptions extends HostingOptions {
  /** An invitation of the home; one in the link is used where this is left out. */
  voucher?: string
  /** Whether the user agrees to the home's terms, where it has any. */
  agreesTo?: (terms: string) => boolean | Promise<boolean>
  /** The libp2p peer ID for which the home is to relay. */
  peer?: string
}

export interface Joined {
  home: ProfileId
  acceptance: HomeEntry
  /** The persona was hosted there before; nothing was published. */
  already: boolean
  media: UploadedMedia
  published?: Published
}

/** A home that was left, and whether it knows. */
export interface EndedHome {
  home: ProfileId
  ended: boolean
  /** Why it may not know: it is gone, or refused. */
  code?: string
  reason?: string
}

export interface Left {
  /** Absent when the document listed none of these homes. */
  published?: Published
  homes: readonly EndedHome[]
}

export interface Moved extends Joined {
  /** The homes before it. */
  left: readonly EndedHome[]
}

/** A home broke what it agreed to, or is none. */
export class HomeBrokenError extends MercuryError {
  override readonly name = 'HomeBrokenError'
  constructor(code: 'NOT_A_HOME' | 'OTHER_HOME' | 'NOT_ACTIVE' | 'NOT_READ_BACK', reason: string, options?: ErrorOptions) {
    super(code, reason, options)
  }
}
