import { join } from 'node:path'
import { MercuryError } from '../errors.ts'
import { parseProfileId, type ProfileId } from '../identity/profile-id.ts'
import { readPrivateFile, writeAtomically } from '../node/atomic-file.ts'

/** A persona that is in use here. */
export interface PersonaEntry {
  /** Its place in the seed. */
  readonly index: number
  readonly id: ProfileId
  readonly label?: string
  /** Made here from words that were new, and never published: there can be no version of it anywhere. */
  readonly fresh: boolean
  /** Its key came from elsewhere: the words do not bring it back. */
  readonly imported?: true
}

/** `personas.json`: nothing secret, but it tells which personas belong together, so it is for its owner only. */
export interface PersonaList {
  /** The words came from elsewhere: any of their personas may have been published before. */
  readonly restored: boolean
  /** Index of the persona that commands speak for. */
  readonly current: number
  /** The persona whose versions go out through the node of `mercury serve`, for good: its peer identity stands for that one. */
  readonly served?: ProfileId
  readonly personas: readonly PersonaEntry[]
}

export class NotInitialisedError extends MercuryError {
  override readonly name = 'NotInitialisedError'
  constructor (directory: string) {
    super('NOT_INITIALISED', `there are no personas in ${directory}; make them with: mercury init`)
  }
}

const FILE = 'personas.json'
const MAX_BYTES = 65_536
export const MAX_LABEL_LENGTH = 64

export const readPersonaList = async (directory: string): Promise<PersonaList | undefined> => {
  const bytes = await readPrivateFile(join(directory, FILE), MAX_BYTES)
  return bytes && parsePersonaList(new TextDecoder().decode(bytes))
}

export const writePersonaList = async (directory: string, list: PersonaList): Promise<void> =>
  writeAtomically(join(directory, FILE), new TextEncoder().encode(`${JSON.stringify({ version: 1, ...list }, null, 2)}\n`))

/**
 * Changes the list, one change after another in this process; whoever calls this has the directory, so no other process does.
 *
 * @throws NotInitialisedError
 */
export const editPersonaList = async (directory: string, change: (list: PersonaList) => PersonaList): Promise<PersonaList> => {
  const edit = async (): Promise<PersonaList> => {
    const list = await readPersonaList(directory)
    if (!list) throw new NotInitialisedError(directory)
    const changed = change(list)
    if (changed !== list) await writePersonaList(directory, changed)
    return changed
  }
  const turn = lastEdit.then(edit, edit)
  lastEdit = turn
  return turn
}

let lastEdit: Promise<unknown> = Promise.resolve()

/**
 * Puts a persona at the end of the list; whoever calls this has the directory.
 *
 * @throws NotInitialisedError, MercuryError `CONFLICT` when its place is taken, `INVALID_LABEL` when its label is
 */
export const addPersona = async (directory: string, entry: PersonaEntry): Promise<PersonaList> =>
  editPersonaList(directory, (list) => {
    if (nextIndex(list) !== entry.index) throw new MercuryError('CONFLICT', 'another persona was made at the same time')
    if (entry.label !== undefined) checkLabel(entry.label, list)
    return { ...list, personas: [...list.personas, entry] }
  })

/** The place in the seed of the persona that comes next. */
export const nextIndex = ({ personas }: PersonaList): number => Math.max(...personas.map(({ index }) => index)) + 1

/** What to call it in a sentence. */
export const nameOf = ({ index, label }: PersonaEntry): string => (label === undefined ? String(index) : `${index} (${label})`)

/** What `--json` says of it. */
export const describePersona = ({ index, id, label, imported }: PersonaEntry, { current }: PersonaList) =>
  ({ index, id, ...(label === undefined ? {} : { label }), current: index === current, ...(imported ? { imported } : {}) })

/** The entry that `name` stands for: an index, a label or an ID in any spelling. @throws MercuryError `NO_SUCH_PERSONA` */
export const findPersona = ({ personas }: PersonaList, name: string): PersonaEntry => {
  const entry = personas.find(({ index, label }) => String(index) === name || label === name) ?? personas.find(({ id }) => id === idOf(name))
  if (!entry) throw new MercuryError('NO_SUCH_PERSONA', `there is no persona ${JSON.stringify(name)} here; mercury persona list shows them`)
  return entry
}

export const currentPersona = (list: PersonaList): PersonaEntry => list.personas.find(({ index }) => index === list.current)!

/** What a label may be, so that it cannot be taken for an index, for an ID or for several words. */
export const checkLabel = (label: string, { personas }: PersonaList): void => {
  const isLabel = /^[\p{L}\p{N}][\p{L}\p{N} ._-]*$/u.test(label) && !/^\d+$/.test(label) && label.length <= MAX_LABEL_LENGTH && idOf(label) === undefined
  if (!isLabel) throw new MercuryError('INVALID_LABEL', `${JSON.stringify(label.slice(0, 80))} is no label: it has letters, digits, spaces and . _ -, at most ${MAX_LABEL_LENGTH}, and is no number`)
  if (personas.some((persona) => persona.label === label)) throw new MercuryError('INVALID_LABEL', `there is a persona ${JSON.stringify(label)} already; choose another label`)
}

const idOf = (text: string): ProfileId | undefined => {
  try {
    return parseProfileId(text)
  } catch {
    // It is a label, then, or nothing.
    return undefined
  }
}

const parsePersonaList = (text: string): PersonaList => {
  try {
    const { version, restored, current, served, personas } = JSON.parse(text) as Record<string, unknown>
    if (version !== 1 || typeof restored !== 'boolean' || !Array.isArray(personas)) throw new TypeError('it has another shape')
    const entries = personas.map(readEntry)
    if (!entries.some(({ index }) => index === current)) throw new TypeError('its current persona is not in it')
    return { restored, current: current as number, personas: entries, ...(served === undefined ? {} : { served: parseProfileId(served as string) }) }
  } catch (error) {
    throw new MercuryError('DAMAGED_PERSONAS', `${FILE} cannot be read (${(error as Error).message}); restore it from a backup, or restore the words in another directory`, { cause: error })
  }
}

const readEntry = (value: unknown): PersonaEntry => {
  const { index, id, label, fresh, imported } = value as Record<string, unknown>
  if (!Number.isSafeInteger(index) || (label !== undefined && typeof label !== 'string')) throw new TypeError('a persona has another shape')
  return { index: index as number, id: parseProfileId(id as string), fresh: fresh === true, ...(label === undefined ? {} : { label }), ...(imported === true ? { imported } : {}) }
}
