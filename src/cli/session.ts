import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { MercuryError } from '../errors.ts'
import { SECOND_MS } from '../limits.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Persona } from '../identity/seed.ts'
import type { LayoutOptions, Mercury, MercuryOptions } from '../node.ts'
import type { OtherPlace, PlaceContext } from '../node/open-place.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { readConfig } from './config-file.ts'
import type { Flags } from './flags.ts'
import type { Host } from './host.ts'
import type { Output } from './output.ts'
import { NotInitialisedError, currentPersona, readPersonaList, type PersonaEntry, type PersonaList } from './persona-list.ts'
import { readSettings } from './settings/read.ts'
import { NETWORK_SETTINGS, type SettingName, type SettingValues } from './settings/table.ts'
import { readVault, type OpenedVault } from './vault-file.ts'

export interface OpenOptions {
  /** The persona whose versions go out: the node takes on its peer identity, and carries what is owed of no other one of this directory. */
  speaksFor?: Persona
  /** What is kept here is enough. */
  local?: boolean
  /** Instead of what the configuration says. */
  layout?: LayoutOptions
  /** The command sends: it makes no sense offline through a node that is online. */
  sends?: boolean
}

/** How long a command that is done waits for deliveries of earlier ones. */
const SEND_OWED_MS = 10 * SECOND_MS

/** One run of one command: its words and options, and what it opened. */
export class Session {
  readonly flags: Flags
  readonly words: readonly string[]
  readonly host: Host
  readonly output: Output
  readonly directory: string
  private opened: Mercury | undefined
  private isLocal = false
  /** Closed with the session, the last one first. */
  private readonly kept: { close(): Promise<void> }[] = []

  constructor ({ flags, words }: { flags: Flags; words: readonly string[] }, { host, output, directory }: { host: Host; output: Output; directory: string }) {
    this.flags = flags
    this.words = words
    this.host = host
    this.output = output
    this.directory = directory
  }

  get json (): boolean {
    return this.flags.has('json')
  }

  get offline (): boolean {
    return this.flags.has('offline')
  }

  get signal (): AbortSignal {
    return this.host.signal
  }

  /** A file name as the user means it. */
  path (name: string): string {
    return resolve(this.host.cwd, name)
  }

  /** @throws NotInitialisedError */
  async personas (): Promise<PersonaList> {
    const list = await readPersonaList(this.directory)
    if (!list) throw new NotInitialisedError(this.directory)
    return list
  }

  /** @throws NotInitialisedError, WrongPassphraseError */
  async vault (): Promise<OpenedVault> {
    return readVault(this.directory, async () => this.passphrase('Passphrase: '))
  }

  /** The keys of a persona of this directory; of the one that commands speak for by default. */
  async persona (entry?: PersonaEntry): Promise<Persona> {
    const { index, id, imported } = entry ?? currentPersona(await this.personas())
    const { personas } = await this.vault()
    const persona = personas.find((candidate) => candidate.id === id)
    if (!persona && imported) throw new MercuryError('KEY_MISSING', `the key of persona ${index} did not get into the vault; give it again: mercury persona import FILE`)
    if (!persona) throw new MercuryError('INVALID_VAULT', `the vault does not hold persona ${index}; restore the words in another directory`)
    return persona
  }

  /** From `MERCURY_PASSPHRASE` or the terminal. */
  async passphrase (question: string): Promise<string> {
    return this.host.passphrase ?? this.host.stdin.ask(question, { hidden: true })
  }

  /** Opens the directory, or takes the node that runs on it. Closed with the session. */
  async open (options: OpenOptions = {}): Promise<Mercury> {
    const { node } = this.host
    if (!node) return (this.opened ??= await this.openOwn(options))
    for (const flag of ['config', 'router', 'listen', 'bootstrap', 'dht-protocol']) {
      if (this.flags.has(flag)) throw new MercuryError('NODE_RUNNING', `mercury serve runs on this directory with its own network; give --${flag} to it, or stop it`)
    }
    if (options.sends && this.offline) throw new MercuryError('NODE_RUNNING', 'mercury serve runs on this directory and sends at once; leave --offline out, or stop it')
    if (options.speaksFor) await node.speakFor(options.speaksFor)
    return node.mercury
  }

  /** What is known here, and the node if that is needed, without the places where blocks and names are. */
  async openState ({ withNode }: { withNode: boolean }): Promise<Mercury> {
    return this.open({ layout: { blocks: withNode ? 'ipfs' : 'memory', routers: [], homes: [] }, local: !withNode })
  }

  /** The blocks at `place`; `ipfs` is the node of `mercury`. Closed with the session. @throws InvalidPlaceError */
  async openBlocks (place: string, { blocks, helia }: Mercury): Promise<HashStore> {
    const [{ parsePlace }, { openBlocksPlace }, { isOwnNode }] = await Promise.all([import('../node/place.ts'), import('../node/open-place.ts'), import('../node/layout.ts')])
    const parsed = parsePlace('blocks', place)
    if (!isOwnNode(parsed)) return openBlocksPlace(parsed, this.placeContext())
    if (!helia) return blocks
    const { createHeliaStore } = await import('../adapters/helia/index.ts')
    return this.keep(createHeliaStore(helia, { persistence: true }))
  }

  /** The state at `place`. Closed with the session. @throws InvalidPlaceError */
  async openStateAt (place: string): Promise<KeyValueStore> {
    const [{ parsePlace }, { openStatePlace }] = await Promise.all([import('../node/place.ts'), import('../node/open-place.ts')])
    return openStatePlace(parsePlace('state', place) as OtherPlace, this.placeContext())
  }

  private placeContext (): PlaceContext {
    return { directory: this.directory, env: process.env, keep: (part) => this.keep(part) }
  }

  /** Closes `part` with the session, before what it was opened over. */
  keep<T extends { close(): Promise<void> }> (part: T): T {
    this.kept.push(part)
    return part
  }

  /** The settings of these names, by option, environment or file. @throws MisuseError, InvalidSettingError, InvalidConfigError */
  async settings<Name extends SettingName> (names: readonly Name[]): Promise<SettingValues<Name>> {
    const { directory, flags, host: { cwd } } = this
    const named = flags.text('config')
    const config = await readConfig({ named: named === undefined ? undefined : this.path(named), directory })
    return readSettings(names, { flags, env: process.env, config, cwd })
  }

  /** What `openMercury` takes of them. */
  async networkOptions (): Promise<SettingValues<(typeof NETWORK_SETTINGS)[number]> & Pick<MercuryOptions, 'directory' | 'signal'>> {
    const { directory, signal } = this
    return { ...await this.settings(NETWORK_SETTINGS), directory, signal }
  }

  /** Gives what is owed from before a moment to go out: what a command opened is closed when it ends. */
  async sendOwed (): Promise<void> {
    if (!this.opened || this.isLocal || this.signal.aborted) return
    await this.output.progress('sending what is owed …')
    const enough = AbortSignal.any([this.signal, AbortSignal.timeout(SEND_OWED_MS)])
    try {
      await this.opened.profiles.flush({ signal: enough })
    } catch (error) {
      // It stays owed; the command itself is done.
      if (!enough.aborted) throw error
    }
  }

  async close (): Promise<void> {
    for (const part of this.kept.splice(0).reverse()) await part.close()
    await this.opened?.close()
  }

  private async openOwn ({ speaksFor, local = false, layout = {} }: OpenOptions): Promise<Mercury> {
    const { openMercury } = await import('../node.ts')
    const own = new Set((await readPersonaList(this.directory))?.personas.map(({ id }) => id))
    const offline = local || this.offline
    this.isLocal = offline
    if (!offline) await this.output.progress('connecting …')
    return openMercury({
      ...await this.networkOptions(),
      ...layout,
      offline,
      // A peer identity of its own for each run: nothing shows that two look-ups, or two personas, came from one device.
      peerKey: speaksFor?.leaves.peer ?? randomBytes(32),
      ...(speaksFor ? { signers: (id: ProfileId) => (id === speaksFor.id ? speaksFor : undefined) } : {}),
      carries: (id) => !own.has(id) || id === speaksFor?.id || (!speaksFor && own.size === 1)
    })
  }

  /** Whether anything was ever kept in the directory: what only looks must not make it. */
  async isNew (): Promise<boolean> {
    if ((await this.networkOptions()).state !== undefined) return false
    return (await stat(join(this.directory, 'state')).catch(() => undefined)) === undefined
  }
}
