import type { FlagTable } from './flags.ts'
import type { Session } from './session.ts'
import type { SettingName } from './settings/table.ts'

/** One command of `mercury`, with what help and completion say of it. */
export interface Command {
  readonly name: string
  /** After the name, as in `FILE|-`. */
  readonly usage: string
  /** One line, lower case, without a full stop. */
  readonly summary: string
  /** Further paragraphs for `mercury help COMMAND`. */
  readonly details?: string
  readonly flags?: FlagTable
  /** Told by its help with where each can be set; those with an option are among `flags` or understood by every command. */
  readonly settings?: readonly SettingName[]
  /** How many words may follow the name. */
  readonly words: readonly [min: number, max: number]
  /** What completion offers for the first word: fixed choices, or files. */
  readonly completes?: readonly string[] | 'file'
  readonly examples: readonly { readonly line: string; readonly explains: string }[]
  /**
   * `anywhere` needs no directory; `directory` goes through the node that `mercury serve` runs there, if one does; `own` must have the directory for itself.
   */
  readonly place: 'anywhere' | 'directory' | 'own'
  run(session: Session): Promise<void>
}
