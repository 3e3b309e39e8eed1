import { MercuryError } from '../errors.ts'
import { HomeRefusedError } from '../hosting/home-client.ts'

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
  HOME_UNREACHABLE: 'check the address, or try again when it is up',
  INVALID_ADDRESS: 'write it as /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…',
  INVALID_ARCHIVE: 'export the profile again',
  INVALID_CURSOR: 'leave --after out',
  INVALID_DRAFT: 'correct the profile file; mercury help publish shows one',
  INVALID_INDEX_BLOCK: 'ask another index, and tell whoever publishes this one',
  INVALID_MANIFEST: 'check the name: it is not that of a search index',
  INVALID_PROFILE_FILE: 'correct the profile file; mercury help publish shows one',
  INVALID_INVITATION: 'copy the whole link again, or ask for another',
  INVALID_LINK: 'copy it again from where it was published',
  INVALID_PROFILE_ID: 'copy it again from where it was published',
  INVALID_QUERY: 'mercury help search shows some',
  INVALID_SEED_PHRASE: 'check the words, one by one, against your paper',
  INVALID_URL: 'write it as https://home.example',
  INVALID_VAULT: 'restore the words in another directory: mercury --directory DIR init --restore',
  INVITATION_EXPIRED: 'ask for another',
  LIMIT_EXCEEDED: 'make it smaller',
  NOT_A_PROFILE: 'the name is used for something else; ask its owner for the profile\'s ID',
  NOT_FOUND: 'check the ID; a profile whose owner has not been online for two days may have to be published again',
  NO_HOME: 'read it from whoever has it: mercury resolve ID',
  NO_INDEX: 'ask another one',
  NO_TERMINAL: 'set MERCURY_PASSPHRASE, or run it in a terminal',
  NOT_ACTIVE: 'run the command again; what was done stays done',
  NOT_A_HOME: 'check the address',
  NOT_HOSTED: 'mercury home list shows who is hosted here',
  NOT_READ_BACK: 'run mercury move again in a while',
  NOTHING_TO_MOVE: 'mercury move HOME',
  OFFLINE: 'leave --offline out',
  OTHER_HOME: 'ask for the link again',
  PASSPHRASE_NEEDED: 'set MERCURY_PASSPHRASE or type one; init --unprotected does without',
  STORE_FAILED: 'check that the disk is not full and that you may write there; what was saved before is intact',
  STORE_LOCKED: 'wait until that command has ended, stop it, or give another --directory',
  TERMS_NOT_AGREED: 'agree with --yes, or choose another home',
  UNREACHABLE: 'check the connection and try again',
  UNSUPPORTED: 'npm install -g mercury-profiles@latest',
  WRONG_PASSPHRASE: 'try again; without the passphrase, restore the words in another directory'
}

/** The same for what a home answers, by its own code. */
const REFUSALS: Readonly<Record<string, string>> = {
  BANNED: 'choose another home',
  HOME_CLOSED: 'choose another home',
  HOME_FULL: 'choose another home',
  INVITATION_EXPIRED: 'ask for another invitation',
  INVITATION_NEEDED: 'ask whoever runs it for one, and give mercury join its link',
  INVITATION_USED: 'ask for another invitation',
  PLEDGE_CONTESTED: 'somebody joined under your ID with another next key; ask whoever runs it',
  SIGNATURE_EXPIRED: 'set the clock of this device',
  TERMS_CHANGED: 'read the new terms: run the command again',
  TOO_MANY_REQUESTS: 'wait a minute and run the command again'
}

/** The endings of core's own messages that the advice of the command replaces. */
const GENERAL = [/; it is sent again when the program runs next$/, /; update the program that reads it$/]

/** An error as the command tells it: one sentence that ends with what to do. */
export const explain = (error: unknown): { code: string; message: string } => {
  if (!(error instanceof MercuryError)) return { code: 'INTERNAL', message: `something went wrong that should not: ${error instanceof Error ? error.message : String(error)}; please report it` }
  const code = error instanceof HomeRefusedError && error.refusal !== undefined ? error.refusal : error.code
  const advices = error instanceof HomeRefusedError ? REFUSALS : ADVICE
  const message = GENERAL.reduce((text, ending) => text.replace(ending, ''), error.message)
  const advice = Object.hasOwn(advices, code) ? advices[code] : undefined
  return { code: error.code, message: advice && !message.endsWith(advice) ? `${message}; ${advice}` : message }
}
