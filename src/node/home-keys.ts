import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makePrivateDirectory } from '../adapters/private-directory.ts'
import { MercuryError, StoreError } from '../errors.ts'
import { generateSeedPhrase, openSeed, type Persona } from '../identity/seed.ts'
import { InvalidVaultError, MAX_VAULT_BYTES, PassphraseNeededError, openVault, sealVault, type VaultProtection } from '../identity/vault.ts'
import { createAtomically, readPrivateFile } from './atomic-file.ts'

/** The 12 words of a home, as text, until its operator has written them down and deletes the file. */
export const HOME_WORDS_FILE = 'home-words'
/** The keys of persona 0 of those words: all that a home needs day by day. */
export const HOME_VAULT_FILE = 'home-vault'

const MAX_WORDS_BYTES = 1_024

export interface HomeKeysOptions {
  /** Made where it is missing, for this user alone. */
  directory: string
  /** Seals a vault that is made, and opens one that is sealed; asked for only when it is needed. Without it a new vault is protected by its file mode alone. */
  passphrase?: string | (() => Promise<string>) | undefined
  signal?: AbortSignal | undefined
}

export interface HomeKeys {
  /** Persona 0 of the home's own words. */
  readonly persona: Persona
  /** Where the words still are; absent once the file was deleted. */
  readonly wordsFile?: string
  /** The words were made now, by this call: nobody can have published with these keys. */
  readonly isNew: boolean
}

/**
 * The keys of a home, which its directory keeps. An empty one gets 12 new words; one that has words and no vault makes the vault from them, which is how a home is restored on another machine.
 *
 * Each file appears whole or not at all, so that a crash at any moment, or a second process, leads to one and the same home.
 *
 * @throws InvalidSeedPhraseError, InvalidVaultError, PassphraseNeededError, WrongPassphraseError, StoreError, MercuryError `FILE_EXPOSED`, or `OTHER_WORDS` when the words are not those of the vault
 */
export const openHomeKeys = async ({ directory, passphrase, signal }: HomeKeysOptions): Promise<HomeKeys> => {
  await makeDirectory(directory)
  const wordsFile = join(directory, HOME_WORDS_FILE)
  const vaultFile = join(directory, HOME_VAULT_FILE)
  const vault = await readPrivateFile(vaultFile, MAX_VAULT_BYTES)
  const found = await readWords(wordsFile)
  const made = found === undefined && !vault ? await makeWords(wordsFile) : undefined
  const words = found ?? made?.words
  const fromWords = words === undefined ? undefined : await (await openSeed(words, { signal })).persona(0, { signal })
  if (!vault) await createAtomically(vaultFile, await sealVault([fromWords!], await protectionOf(passphrase), { signal }))
  const persona = vault ? await unseal(vault, passphrase, signal) : fromWords!
  if (fromWords && fromWords.id !== persona.id) throw new MercuryError('OTHER_WORDS', `the words in ${wordsFile} are those of ${fromWords.id}, and ${vaultFile} holds the keys of ${persona.id}; remove the file that is not of this home`)
  if (!fromWords) await removeRemains(directory)
  return { persona, ...(fromWords ? { wordsFile } : {}), isNew: made?.isNew ?? false }
}

/** Whether a directory has what {@link openHomeKeys} opens, so that it would make nothing new. */
export const hasHomeKeys = async (directory: string): Promise<boolean> =>
  (await Promise.all([HOME_VAULT_FILE, HOME_WORDS_FILE].map(async (name) => stat(join(directory, name)).catch(() => undefined)))).some((found) => found !== undefined)

const readWords = async (path: string): Promise<string | undefined> => {
  const bytes = await readPrivateFile(path, MAX_WORDS_BYTES)
  return bytes && new TextDecoder().decode(bytes)
}

/** The words of another process, where that was faster. */
const makeWords = async (path: string): Promise<{ words: string; isNew: boolean }> => {
  const words = generateSeedPhrase()
  return (await createAtomically(path, new TextEncoder().encode(`${words}\n`))) ? { words, isNew: true } : { words: (await readWords(path))!, isNew: false }
}

/** Words that a process was writing when it was killed: they are to be gone once their file was deleted. Nobody writes words where there is a vault. */
const removeRemains = async (directory: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    if (name.startsWith(`${HOME_WORDS_FILE}.`) && name.endsWith('.tmp')) await rm(join(directory, name), { force: true })
  }
}

const protectionOf = async (passphrase: HomeKeysOptions['passphrase']): Promise<VaultProtection> => {
  // Nobody is asked for one where none is set: a home starts by itself.
  return typeof passphrase === 'string' && passphrase !== '' ? { passphrase } : { unprotected: true }
}

const unseal = async (bytes: Uint8Array, passphrase: HomeKeysOptions['passphrase'], signal: AbortSignal | undefined): Promise<Persona> => {
  const open = async (known?: string): Promise<Persona> => {
    const [persona] = await openVault(bytes, known, { signal })
    if (!persona) throw new InvalidVaultError('it holds no persona')
    return persona
  }
  try {
    return await open(typeof passphrase === 'string' ? passphrase : undefined)
  } catch (error) {
    if (!(error instanceof PassphraseNeededError) || typeof passphrase !== 'function') throw error
    return open(await passphrase())
  }
}

const makeDirectory = async (directory: string): Promise<void> => {
  try {
    await makePrivateDirectory(directory)
  } catch (error) {
    throw new StoreError(`the directory ${directory} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}
