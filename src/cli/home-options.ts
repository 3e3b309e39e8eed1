import type { OpenHomeOptions } from '../home.ts'
import { MAX_TERMS_LENGTH } from '../hosting/agreement.ts'
import { MercuryError } from '../errors.ts'
import { MINUTE_MS } from '../limits.ts'
import { readUserFile } from './read-file.ts'
import type { Session } from './session.ts'
import { SETTING_NAMES } from './settings/table.ts'

/**
 * What a home is opened with, from its settings.
 *
 * @throws MisuseError, InvalidSettingError, InvalidConfigError; MercuryError `INVALID_TERMS`, and what reading the file of the terms throws
 */
export const homeOptions = async (session: Session): Promise<OpenHomeOptions> => {
  const { http, terms, quota, indexMinutes, ...settings } = await session.settings(SETTING_NAMES)
  return {
    ...settings,
    directory: session.directory,
    http: http === 'none' ? false : http,
    ...(quota === undefined ? {} : { quotaBytes: quota }),
    ...(indexMinutes === undefined ? {} : { indexMs: indexMinutes * MINUTE_MS }),
    ...(terms === undefined ? {} : { terms: await readTerms(terms) }),
    passphrase: session.host.passphrase ?? (async () => session.host.stdin.ask('Passphrase of the home: ', { hidden: true }))
  }
}

const readTerms = async (path: string): Promise<string> => {
  const bytes = await readUserFile(path, 'bytes of terms', MAX_TERMS_LENGTH)
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (text.trim() !== '') return text
  } catch (error) {
    throw new MercuryError('INVALID_TERMS', `the terms in ${path} are not UTF-8 text`, { cause: error })
  }
  throw new MercuryError('INVALID_TERMS', `the terms in ${path} are empty; write what whoever joins agrees to, or name no file`)
}
