import { MercuryError } from '../errors.ts'

/**
 * What to do next, by code; put behind the message of the error. Codes that are not here have messages that say it themselves.
 * Kept in one place so that the same trouble always gets the same advice.
 */
const ADVICE: Readonly<Record<string, string>> = {
  BLOCK_MISSING: 'try again while somebody who has it is online',
  CONFLICT: 'run the command again',
  CONTESTED: 'ask the owner, by another way, for a link with next=…',
  DOCUMENT_MISSING: 'ask for the document as well',
  FILE_NOT_FOUND: 'check the name',
  INVALID_ADDRESS: 'write it as /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…',
  INVALID_ARCHIVE: 'export the profile again',
  INVALID_DRAFT: 'correct the profile file; mercury help publish shows one',
  INVALID_PROFILE_FILE: 'correct the profile file; mercury help publish shows one',
  INVALID_LINK: 'copy it again from where it was published',
  INVALID_PROFILE_ID: 'copy it again from where it was published',
  INVALID_SEED_PHRASE: 'check the words, one by one, against your paper',
  INVALID_URL: 'write it as https://home.example',
  INVALID_VAULT: 'restore the words in another directory: mercury --directory DIR init --restore',
  LIMIT_EXCEEDED: 'make it smaller',
  NOT_A_PROFILE: 'the name is used for something else; ask its owner for the profile\'s ID',
  NOT_FOUND: 'check the ID; a profile whose owner has not been online for two days may have to be published again',
  NO_TERMINAL: 'set MERCURY_PASSPHRASE, or run it in a terminal',
  OFFLINE: 'leave --offline out',
  PASSPHRASE_NEEDED: 'set MERCURY_PASSPHRASE or type one; init --unprotected does without',
  STORE_FAILED: 'check that the disk is not full and that you may write there; what was saved before is intact',
  STORE_LOCKED: 'wait until that command has ended, stop it, or give another --directory',
  UNREACHABLE: 'check the connection and try again',
  UNSUPPORTED: 'npm install -g mercury-profiles@latest',
  WRONG_PASSPHRASE: 'try again; without the passphrase, restore the words in another directory'
}

/** The endings of core's own messages that the advice of the command replaces. */
const GENERAL = [/; it is sent again when the program runs next$/, /; update the program that reads it$/]

/** An error as the command tells it: one sentence that ends with what to do. */
export const explain = (error: unknown): { code: string; message: string } => {
  if (!(error instanceof MercuryError)) return { code: 'INTERNAL', message: `something went wrong that should not: ${error instanceof Error ? error.message : String(error)}; please report it` }
  const message = GENERAL.reduce((text, ending) => text.replace(ending, ''), error.message)
  const advice = Object.hasOwn(ADVICE, error.code) ? ADVICE[error.code] : undefined
  return { code: error.code, message: advice && !message.endsWith(advice) ? `${message}; ${advice}` : message }
}
