import { openSeed, generateSeedPhrase, type Persona } from '../../identity/seed.ts'
import type { VaultProtection } from '../../identity/vault.ts'
import { MercuryError } from '../../errors.ts'
import type { Command } from '../command.ts'
import { table } from '../output.ts'
import { checkLabel, readPersonaList, writePersonaList, type PersonaList } from '../persona-list.ts'
import { readWords } from '../seed-words.ts'
import type { Session } from '../session.ts'
import { writeVault } from '../vault-file.ts'

/** So that nobody has to type the words for the second persona. */
export const VAULT_PERSONAS = 8

export const init: Command = {
  name: 'init',
  usage: '[--restore]',
  summary: 'make or restore your personas',
  details: 'Makes 12 words and shows them once: they are all your personas, now and later, and are kept nowhere. This device keeps only the keys that it needs day by day, under a passphrase.',
  flags: {
    restore: { type: 'boolean', summary: 'from words that you have; they are typed or piped in, never given as options' },
    words: { type: 'string', value: 'COUNT', choices: ['12', '24'], summary: 'how many words to make' },
    label: { type: 'string', value: 'LABEL', summary: 'what to call the first persona here; nobody else sees it' },
    unprotected: { type: 'boolean', summary: 'without a passphrase: whoever can read your files has your keys' }
  },
  words: [0, 0],
  examples: [
    { line: 'mercury init', explains: 'new words, protected by a passphrase' },
    { line: 'mercury --directory other init --restore', explains: 'the same personas on another device' }
  ],
  place: 'directory',
  async run (session) {
    if (await readPersonaList(session.directory)) throw new MercuryError('ALREADY_INITIALISED', `there are personas in ${session.directory} already; give another --directory for others`)
    const restored = session.flags.has('restore')
    const label = session.flags.text('label')
    if (label !== undefined) checkLabel(label, { restored, current: 0, personas: [] })
    // Holds the directory, so that no other process makes personas in it.
    await session.open({ local: true })
    const phrase = restored ? await readWords(session) : generateSeedPhrase(session.flags.text('words') === '24' ? 24 : 12)
    const protection = await chooseProtection(session)
    await session.output.progress('deriving keys …')
    const personas = await derivePersonas(phrase)
    await session.output.progress('sealing the vault …')
    await writeVault(session.directory, personas, protection)
    const [first] = personas as [Persona]
    const list: PersonaList = { restored, current: 0, personas: [{ index: 0, id: first.id, fresh: !restored, ...(label === undefined ? {} : { label }) }] }
    await tell(session, list, first, { words: restored ? undefined : phrase, isProtected: 'passphrase' in protection })
    // Last: until it is there, the words were perhaps not seen, and init can be run again.
    await writePersonaList(session.directory, list)
  }
}

const derivePersonas = async (phrase: string): Promise<Persona[]> => {
  const seed = await openSeed(phrase)
  return Promise.all(Array.from({ length: VAULT_PERSONAS }, async (_, index) => seed.persona(index)))
}

const chooseProtection = async (session: Session): Promise<VaultProtection> => {
  if (session.flags.has('unprotected')) return { unprotected: true }
  const passphrase = await session.passphrase('A passphrase for this device: ')
  if (session.host.passphrase === undefined && passphrase !== '' && (await session.passphrase('Once more: ')) !== passphrase) throw new MercuryError('PASSPHRASES_DIFFER', 'the two passphrases differ; run it again')
  return { passphrase }
}

const tell = async ({ output, directory }: Session, { restored }: PersonaList, { id }: Persona, { words, isProtected }: { words: string | undefined; isProtected: boolean }): Promise<void> => {
  const { paint } = output
  const document = { id, restored, directory, protection: isProtected ? 'passphrase' : 'file mode', ...(words === undefined ? {} : { words: words.split(' ') }) }
  await output.answer(document, [
    ...(words === undefined ? [] : [paint('bold', 'Write these words down, in this order. They are shown once and kept nowhere:'), '', ...numbered(words.split(' ')), '']),
    ...table([['Your ID', paint('cyan', id)], ['Kept in', directory], ['Protected', isProtected ? 'by your passphrase' : 'by file permissions only']], paint),
    '',
    restored ? 'Your personas are back. Next: mercury resolve YOUR-ID, or mercury publish alice.yaml' : 'Next: mercury publish alice.yaml'
  ])
}

const numbered = (words: readonly string[]): string[] => {
  const cells = words.map((word, i) => `${String(i + 1).padStart(4)} ${word.padEnd(10)}`)
  return Array.from({ length: Math.ceil(cells.length / 4) }, (_, row) => cells.slice(row * 4, row * 4 + 4).join(' ').trimEnd())
}
