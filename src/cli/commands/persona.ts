import { formatProfileId } from '../../identity/profile-id.ts'
import { formatLink } from '../../identity/link.ts'
import type { Command } from '../command.ts'
import { homesRow, readHomes, whereIn } from '../hosting.ts'
import { MisuseError, suggest } from '../misuse.ts'
import { table } from '../output.ts'
import { KEY_FORMS, exportKey, importKey } from '../persona-key.ts'
import { addPersona, checkLabel, currentPersona, describePersona, editPersonaList, findPersona, nameOf, nextIndex, type PersonaEntry, type PersonaList } from '../persona-list.ts'
import { slotFromWords } from '../persona-slot.ts'
import type { Session } from '../session.ts'
import { keepInVault } from '../vault-file.ts'

interface Action {
  /** After its name. */
  readonly usage: string
  /** How many words may follow its name. */
  readonly words: readonly [min: number, max: number]
  run(session: Session, ...words: string[]): Promise<void>
}

export const persona: Command = {
  name: 'persona',
  usage: 'list|create [LABEL]|use NAME|show [NAME]|import FILE|- [LABEL]|export [NAME] --format pem|libp2p',
  summary: 'list, add and switch the personas of this device',
  details: `NAME is the number, the label or the ID of a persona. Nothing that is published links two of them; publish them from different networks, at different times, if your address must not either.

import takes an Ed25519 key of Kubo or OpenSSL as the next persona, so that an IPNS name that you have becomes a profile when you publish; where it pointed until then is gone, and no other program may publish under it any longer. Your words do not bring an imported key back: keep a copy of it. It takes a place among the personas of your words, and its next key is the one of that place.

export writes the private key, for no eyes but yours: whoever has it is you.`,
  flags: { format: { type: 'string', value: 'FORM', choices: KEY_FORMS, summary: 'of export: pem for OpenSSL and Kubo, libp2p for Kubo and other IPFS software' } },
  words: [1, 3],
  completes: ['list', 'create', 'use', 'show', 'import', 'export'],
  examples: [
    { line: 'mercury persona create work', explains: 'take the next of your personas into use' },
    { line: 'mercury persona use work', explains: 'publish as that one from now on' },
    { line: 'mercury persona show work', explains: 'its ID in every spelling, and a link to give away' },
    { line: 'ipfs key export blog && mercury persona import blog.key blog', explains: 'make a profile of a name of Kubo\'s' },
    { line: '(umask 077; mercury persona export work --format libp2p > work.key) && ipfs key import work work.key', explains: 'let Kubo have the name' }
  ],
  place: 'directory',
  async run (session) {
    const [name, ...words] = session.words as [string, ...string[]]
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name]! : undefined
    if (!action) throw new MisuseError(`there is no mercury persona ${name}${suggest(name, Object.keys(ACTIONS)) || `; there are ${Object.keys(ACTIONS).join(', ')}`}`)
    const [min, max] = action.words
    if (words.length < min) throw new MisuseError(`say which: mercury persona ${name} ${action.usage}`)
    if (words.length > max) throw new MisuseError(`${JSON.stringify(words[max])} is one word too many: the command is mercury persona ${name} ${action.usage}`.trimEnd())
    if (session.flags.has('format') && action !== ACTIONS.export) throw new MisuseError(`--format is for mercury persona export, not for ${name}`)
    await action.run(session, ...words)
  }
}

const list = async (session: Session): Promise<void> => {
  const personas = await session.personas()
  const { paint } = session.output
  await session.output.answer({ personas: personas.personas.map((entry) => describePersona(entry, personas)) }, personas.personas.map((entry) => {
    const mark = entry.index === personas.current ? paint('green', '*') : ' '
    return `${mark} ${entry.index}  ${(entry.label ?? '').padEnd(widest(personas))}  ${entry.id}${entry.imported ? '  imported' : ''}`
  }))
}

const create = async (session: Session, label?: string): Promise<void> => {
  const before = await session.personas()
  if (label !== undefined) checkLabel(label, before)
  await session.open({ local: true })
  const index = nextIndex(before)
  const { id } = await keysOf(index, session)
  const entry: PersonaEntry = { index, id, fresh: !before.restored, ...(label === undefined ? {} : { label }) }
  const after = await addPersona(session.directory, entry)
  await session.output.answer(describePersona(entry, after), [
    ...table([['Persona', nameOf(entry)], ['ID', session.output.paint('cyan', entry.id)]], session.output.paint),
    '',
    `Next: mercury persona use ${JSON.stringify(entry.label ?? String(index))}`
  ])
}

const use = async (session: Session, name: string): Promise<void> => {
  await session.open({ local: true })
  const after = await editPersonaList(session.directory, (current) => ({ ...current, current: findPersona(current, name).index }))
  const entry = currentPersona(after)
  await session.output.answer(describePersona(entry, after), [`You are persona ${nameOf(entry)} now: ${entry.id}`])
}

const show = async (session: Session, name?: string): Promise<void> => {
  const personas = await session.personas()
  const entry = name === undefined ? currentPersona(personas) : findPersona(personas, name)
  const homes = await readHomes(entry.id, session)
  const document = { ...describePersona(entry, personas), did: formatProfileId(entry.id, 'did'), peer: formatProfileId(entry.id, 'peer'), link: formatLink({ id: entry.id, ...whereIn(homes) }), ...(homes ? { homes } : {}) }
  await session.output.answer(document, table([
    ['Persona', nameOf(entry)],
    ['ID', session.output.paint('cyan', entry.id)],
    ['DID', document.did],
    ['Peer ID', document.peer],
    ['Link', document.link],
    homesRow(homes),
    ['Key', entry.imported && 'imported; your words do not bring it back']
  ], session.output.paint))
}

const ACTIONS: Readonly<Record<string, Action>> = {
  list: { usage: '', words: [0, 0], run: list },
  create: { usage: '[LABEL]', words: [0, 1], run: create },
  use: { usage: 'NAME', words: [1, 1], run: use },
  show: { usage: '[NAME]', words: [0, 1], run: show },
  import: { usage: 'FILE|- [LABEL]', words: [1, 2], run: importKey },
  export: { usage: '[NAME] --format pem|libp2p', words: [0, 1], run: exportKey }
}

/** The keys of persona `index`: from the vault, or past its first 8 from the words, and then in the vault too. */
const keysOf = async (index: number, session: Session) => {
  const vault = await session.vault()
  const kept = vault.personas.find((candidate) => candidate.index === index)
  if (kept) return kept
  const made = await slotFromWords(index, vault, session)
  await keepInVault(session.directory, vault, made)
  return made
}

const widest = ({ personas }: PersonaList): number => Math.max(...personas.map(({ label = '' }) => label.length))
