import { formatProfileId } from '../../identity/profile-id.ts'
import { formatLink } from '../../identity/link.ts'
import { openSeed, type Persona } from '../../identity/seed.ts'
import { MercuryError } from '../../errors.ts'
import type { Command } from '../command.ts'
import { MisuseError, suggest } from '../misuse.ts'
import { table } from '../output.ts'
import { checkLabel, currentPersona, editPersonaList, findPersona, type PersonaEntry, type PersonaList } from '../persona-list.ts'
import { readWords } from '../seed-words.ts'
import type { Session } from '../session.ts'
import { writeVault } from '../vault-file.ts'

const ACTIONS = ['list', 'create', 'use', 'show'] as const

export const persona: Command = {
  name: 'persona',
  usage: 'list|create [LABEL]|use NAME|show [NAME]',
  summary: 'list, add and switch the personas of this device',
  details: 'NAME is the number, the label or the ID of a persona. Nothing that is published links two of them; publish them from different networks, at different times, if your address must not either.',
  words: [1, 2],
  completes: ACTIONS,
  examples: [
    { line: 'mercury persona create work', explains: 'take the next of your personas into use' },
    { line: 'mercury persona use work', explains: 'publish as that one from now on' },
    { line: 'mercury persona show work', explains: 'its ID in every spelling, and a link to give away' }
  ],
  place: 'directory',
  async run (session) {
    const [action, name] = session.words as [string, string | undefined]
    if (action === 'list' && name === undefined) return list(session)
    if (action === 'create') return create(session, name)
    if (action === 'use' && name !== undefined) return use(session, name)
    if (action === 'show') return show(session, name)
    if (action === 'use') throw new MisuseError('say which: mercury persona use NAME')
    if (action === 'list') throw new MisuseError('mercury persona list takes nothing more')
    throw new MisuseError(`there is no mercury persona ${action}${suggest(action, ACTIONS) || `; there are ${ACTIONS.join(', ')}`}`)
  }
}

const list = async (session: Session): Promise<void> => {
  const personas = await session.personas()
  const { paint } = session.output
  await session.output.answer({ personas: personas.personas.map((entry) => describe(entry, personas)) }, personas.personas.map((entry) => {
    const mark = entry.index === personas.current ? paint('green', '*') : ' '
    return `${mark} ${entry.index}  ${(entry.label ?? '').padEnd(widest(personas))}  ${entry.id}`
  }))
}

const create = async (session: Session, label: string | undefined): Promise<void> => {
  const before = await session.personas()
  if (label !== undefined) checkLabel(label, before)
  await session.open({ local: true })
  const index = nextIndex(before)
  const keys = await keysOf(index, session)
  const entry: PersonaEntry = { index, id: keys.id, fresh: !before.restored, ...(label === undefined ? {} : { label }) }
  const after = await editPersonaList(session.directory, (current) => {
    if (nextIndex(current) !== index) throw new MercuryError('CONFLICT', 'another persona was made at the same time')
    return { ...current, personas: [...current.personas, entry] }
  })
  await session.output.answer(describe(entry, after), [
    ...table([['Persona', nameOf(entry)], ['ID', session.output.paint('cyan', entry.id)]], session.output.paint),
    '',
    `Next: mercury persona use ${JSON.stringify(entry.label ?? String(index))}`
  ])
}

const use = async (session: Session, name: string): Promise<void> => {
  await session.open({ local: true })
  const after = await editPersonaList(session.directory, (current) => ({ ...current, current: findPersona(current, name).index }))
  const entry = currentPersona(after)
  await session.output.answer(describe(entry, after), [`You are persona ${nameOf(entry)} now: ${entry.id}`])
}

const show = async (session: Session, name: string | undefined): Promise<void> => {
  const personas = await session.personas()
  const entry = name === undefined ? currentPersona(personas) : findPersona(personas, name)
  const document = { ...describe(entry, personas), did: formatProfileId(entry.id, 'did'), peer: formatProfileId(entry.id, 'peer'), link: formatLink({ id: entry.id }) }
  await session.output.answer(document, table([['Persona', nameOf(entry)], ['ID', session.output.paint('cyan', entry.id)], ['DID', document.did], ['Peer ID', document.peer], ['Link', document.link]], session.output.paint))
}

/** The keys of persona `index`: from the vault, or past its first 8 from the words, and then in the vault too. */
const keysOf = async (index: number, session: Session): Promise<Persona> => {
  const { personas, protection } = await session.vault()
  const kept = personas.find((candidate) => candidate.index === index)
  if (kept) return kept
  await session.output.warn('WORDS_NEEDED', `this device holds the keys of ${personas.length} personas; the words are needed for the next`)
  const seed = await openSeed(await readWords(session))
  const [first, made] = await Promise.all([seed.persona(0), seed.persona(index)])
  if (!personas.some(({ id }) => id === first.id)) throw new MercuryError('OTHER_WORDS', 'these are the words of other personas; restore them in a directory of their own')
  await writeVault(session.directory, [...personas, made], protection)
  return made
}

const nextIndex = ({ personas }: PersonaList): number => Math.max(...personas.map(({ index }) => index)) + 1
const nameOf = ({ index, label }: PersonaEntry): string => (label === undefined ? String(index) : `${index} (${label})`)
const widest = ({ personas }: PersonaList): number => Math.max(...personas.map(({ label = '' }) => label.length))
const describe = ({ index, id, label }: PersonaEntry, { current }: PersonaList) => ({ index, id, ...(label === undefined ? {} : { label }), current: index === current })
