import { MercuryError } from '../errors.ts'
import { openSeed, type Persona } from '../identity/seed.ts'
import { readWords } from './seed-words.ts'
import type { Session } from './session.ts'
import type { OpenedVault } from './vault-file.ts'

/**
 * The persona of a place that the vault has no keys for: past its first 8, from the words.
 *
 * @throws InvalidSeedPhraseError, MercuryError `OTHER_WORDS`
 */
export const slotFromWords = async (index: number, { personas }: OpenedVault, session: Session): Promise<Persona> => {
  await session.output.warn('WORDS_NEEDED', `this device holds the keys of ${personas.length} personas; the words are needed for the next`)
  const seed = await openSeed(await readWords(session))
  const [first, made] = await Promise.all([seed.persona(0), seed.persona(index)])
  if (!personas.some(({ id }) => id === first.id)) throw new MercuryError('OTHER_WORDS', 'these are the words of other personas; restore them in a directory of their own')
  return made
}
