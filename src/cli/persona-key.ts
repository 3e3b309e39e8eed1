import { MercuryError } from '../errors.ts'
import { adoptKey, holdsKey } from '../identity/persona.ts'
import { MAX_PRIVATE_KEY_BYTES, encodePrivateKey, parsePrivateKey, type PrivateKeyForm } from '../identity/private-key.ts'
import { createSigner, type Signer } from '../identity/signer.ts'
import { MisuseError } from './misuse.ts'
import { table } from './output.ts'
import { addPersona, checkLabel, currentPersona, describePersona, findPersona, nameOf, nextIndex, type PersonaEntry, type PersonaList } from './persona-list.ts'
import { slotFromWords } from './persona-slot.ts'
import { readUserFile } from './read-file.ts'
import type { Session } from './session.ts'
import { keepInVault, type OpenedVault } from './vault-file.ts'

/** What `--format` takes. */
export const KEY_FORMS: readonly PrivateKeyForm[] = ['pem', 'libp2p']

/** Takes the key in `file` as the next persona: others may know it already, so its newest version is looked for before it publishes. */
export const importKey = async (session: Session, file: string, label: string | undefined): Promise<void> => {
  const privateKey = await readKey(session, file)
  try {
    const signer = await createSigner(privateKey)
    const before = await session.personas()
    const listed = before.personas.find(({ id }) => id === signer.id)
    if (label !== undefined && !listed) checkLabel(label, before)
    await session.open({ local: true })
    const vault = await session.vault()
    checkIsNew(privateKey, signer, before, vault)
    const entry: PersonaEntry = listed ?? { index: nextIndex(before), id: signer.id, fresh: false, imported: true, ...(label === undefined ? {} : { label }) }
    const slot = vault.personas.find(({ index }) => index === entry.index) ?? (await slotBeyondVault(entry.index, vault, session, file))
    const adopted = await adoptKey(privateKey, slot)
    // Before the vault: a key in there that the list does not name would be taken for one of the words. An import that ended in between is taken up again.
    const after = listed ? before : await addPersona(session.directory, entry)
    await keepInVault(session.directory, vault, adopted)
    await tell(session, entry, after)
  } finally {
    privateKey.fill(0)
  }
}

/** Writes the identity key of a persona to stdout. */
export const exportKey = async (session: Session, name: string | undefined): Promise<void> => {
  const { flags, json, host, output } = session
  const format = flags.text('format') as PrivateKeyForm | undefined
  if (format === undefined) throw new MisuseError(`say for whom: mercury persona export --format ${KEY_FORMS.join('|')}`)
  if (format === 'libp2p' && host.stdout.isTerminal && !json) throw new MisuseError('the key is binary in this form; send it into a file: mercury persona export --format libp2p > FILE.key')
  const personas = await session.personas()
  const { index, id, leaves: keys } = await session.persona(name === undefined ? currentPersona(personas) : findPersona(personas, name))
  const key = encodePrivateKey(keys.identity, format)
  try {
    if (json) await output.answer({ index, id, format, key: format === 'pem' ? new TextDecoder().decode(key) : key }, [])
    else await output.bytes(key)
  } finally {
    for (const secret of [key, ...Object.values(keys)]) secret.fill(0)
  }
}

/** The 32-byte seed in the file, or in the input for `-`. */
const readKey = async (session: Session, file: string): Promise<Uint8Array> => {
  const bytes = file === '-' ? await session.host.stdin.read(MAX_PRIVATE_KEY_BYTES) : await readUserFile(session.path(file), 'private key bytes', MAX_PRIVATE_KEY_BYTES)
  try {
    return parsePrivateKey(bytes).privateKey
  } finally {
    bytes.fill(0)
  }
}

/** @throws MercuryError `KEY_IN_USE`; personas must not share a key, and what a place of the words has by itself needs no import */
const checkIsNew = (privateKey: Uint8Array, { id, publicKey }: Signer, list: PersonaList, vault: OpenedVault): void => {
  const listed = list.personas.find((entry) => entry.id === id)
  const holder = vault.personas.find((persona) => holdsKey(persona, privateKey, publicKey))
  if (listed && (holder || !listed.imported)) throw new MercuryError('KEY_IN_USE', `the key is that of persona ${nameOf(listed)} here already, ${id}; nothing was changed`)
  if (holder?.id === id) throw new MercuryError('KEY_IN_USE', `the key is that of persona ${holder.index} of your words, which needs no import; take it into use with mercury persona create`)
  if (holder) throw new MercuryError('KEY_IN_USE', `persona ${holder.index} has this key for something else; a profile needs a key of its own`)
}

const slotBeyondVault = async (index: number, vault: OpenedVault, session: Session, file: string) => {
  if (file === '-') throw new MisuseError('the words have to be given as well; name a file with the key: mercury persona import FILE')
  return slotFromWords(index, vault, session)
}

const tell = async ({ output }: Session, entry: PersonaEntry, list: PersonaList): Promise<void> => {
  const { index, id, label } = entry
  await output.warn('NOT_IN_WORDS', `your words do not bring this key back: keep a copy of it as safe as the words; where you restore them, import it again as persona ${index}, as its next key is the one of that place`)
  await output.answer(describePersona(entry, list), [
    ...table([['Persona', nameOf(entry)], ['ID', output.paint('cyan', id)], ['Key', 'imported']], output.paint),
    '',
    'Where the name points now is left alone until you publish; let no other program publish under it then.',
    `Next: mercury persona use ${JSON.stringify(label ?? String(index))}`
  ])
}
