import { join } from 'node:path'
import { equals } from 'uint8arrays'
import { ConflictError, MercuryError } from '../errors.ts'
import type { Persona } from '../identity/seed.ts'
import { MAX_VAULT_BYTES, openVault, sealVault, type VaultProtection } from '../identity/vault.ts'
import { readPrivateFile, writeAtomically } from '../node/atomic-file.ts'
import { NotInitialisedError } from './persona-list.ts'

const FILE = 'vault'

export interface OpenedVault {
  readonly personas: readonly Persona[]
  /** To seal it again as it was. */
  readonly protection: VaultProtection
  /** The bytes that were opened. */
  readonly sealed: Uint8Array
}

/**
 * Opens the vault of a directory. `askPassphrase` is called only when it needs one.
 *
 * @throws NotInitialisedError, WrongPassphraseError, InvalidVaultError, MercuryError `FILE_EXPOSED`
 */
export const readVault = async (directory: string, askPassphrase: () => Promise<string>): Promise<OpenedVault> => {
  const bytes = await readVaultBytes(directory)
  const unprotected = await openUnprotected(bytes)
  if (unprotected) return { personas: unprotected, protection: { unprotected: true }, sealed: bytes }
  const passphrase = await askPassphrase()
  return { personas: await openVault(bytes, passphrase), protection: { passphrase }, sealed: bytes }
}

/** @throws NotInitialisedError, InvalidVaultError, MercuryError `FILE_EXPOSED` */
export const vaultProtection = async (directory: string): Promise<'passphrase' | 'file mode'> =>
  (await openUnprotected(await readVaultBytes(directory))) ? 'file mode' : 'passphrase'

export const writeVault = async (directory: string, personas: readonly Persona[], protection: VaultProtection): Promise<void> => {
  const bytes = await sealVault(personas, protection)
  await writeAtomically(join(directory, FILE), bytes)
  bytes.fill(0)
}

/**
 * Puts `persona` into the vault that was opened, in the place of the one of its index if there is one. One change after another in this process;
 * whoever calls this has the directory, so no other process changes it.
 *
 * @throws ConflictError when another command changed the vault since it was opened; nothing is written
 */
export const keepInVault = async (directory: string, { personas, protection, sealed }: OpenedVault, persona: Persona): Promise<void> => {
  const change = async (): Promise<void> => {
    if (!equals(await readVaultBytes(directory), sealed)) throw new ConflictError('another command changed the keys of this device at the same time')
    await writeVault(directory, [...personas.filter(({ index }) => index !== persona.index), persona], protection)
  }
  const turn = lastChange.then(change, change)
  lastChange = turn
  return turn
}

let lastChange: Promise<unknown> = Promise.resolve()

const readVaultBytes = async (directory: string): Promise<Uint8Array> => {
  const bytes = await readPrivateFile(join(directory, FILE), MAX_VAULT_BYTES)
  if (!bytes) throw new NotInitialisedError(directory)
  return bytes
}

const openUnprotected = async (bytes: Uint8Array): Promise<Persona[] | undefined> => {
  try {
    return await openVault(bytes)
  } catch (error) {
    if (error instanceof MercuryError && error.code === 'PASSPHRASE_NEEDED') return undefined
    throw error
  }
}
