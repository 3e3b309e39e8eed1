import { MercuryError } from '../errors.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Persona } from '../identity/seed.ts'
import { editPersonaList, currentPersona, readPersonaList, type PersonaList } from './persona-list.ts'

/** Versions of two personas would go out through one node: its peers would see that they belong together. */
export class PersonasWouldLinkError extends MercuryError {
  override readonly name = 'PersonasWouldLinkError'
  constructor (served: ProfileId, other: ProfileId) {
    super('PERSONAS_WOULD_LINK', `the node of mercury serve speaks for ${served}; through it, everybody could see that ${other} is yours too; stop mercury serve to publish that one, or give it a directory of its own: mercury --directory DIR init --restore`)
  }
}

/** Which of the personas of a directory its node speaks for: one, for good, as the node's peer identity stays the same. */
export class ServedPersona {
  private readonly directory: string
  private own = new Set<ProfileId>()
  private served: ProfileId | undefined

  constructor (directory: string) {
    this.directory = directory
  }

  get id (): ProfileId | undefined {
    return this.served
  }

  /** Whether it is a persona of the directory. */
  isOwn (id: ProfileId): boolean {
    return this.own.has(id)
  }

  /** Whether what is owed of `id` may go out: other people's profiles may, of our own personas the one. */
  carries (id: ProfileId): boolean {
    return id === this.served || !this.own.has(id)
  }

  /** Reads the list again; commands change it. */
  async refresh (): Promise<PersonaList | undefined> {
    const list = await readPersonaList(this.directory)
    this.own = new Set(list?.personas.map(({ id }) => id))
    this.served = list?.served
    return list
  }

  /** Takes the persona that commands speak for, where none is taken yet and that one is published already. */
  async takeCurrent (isKept: (id: ProfileId) => Promise<boolean>): Promise<void> {
    const list = await this.refresh()
    if (!list || list.served !== undefined) return
    const { id } = currentPersona(list)
    if (await isKept(id)) await this.speakFor({ id })
  }

  /** @throws PersonasWouldLinkError when the node speaks for another */
  async speakFor ({ id }: Pick<Persona, 'id'>): Promise<void> {
    const { served } = await editPersonaList(this.directory, (list) => {
      if (list.served !== undefined && list.served !== id) throw new PersonasWouldLinkError(list.served, id)
      return list.served === undefined ? { ...list, served: id } : list
    })
    this.own.add(id)
    this.served = served
  }
}
