import { setTimeout as delay } from 'node:timers/promises'
import type { KeptAlive } from '../../client/keep-alive.ts'
import { MercuryError, reasonOf } from '../../errors.ts'
import { openHome, type OpenedHome } from '../../home.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { Persona } from '../../identity/seed.ts'
import { MINUTE_MS } from '../../limits.ts'
import type { Mercury } from '../../node.ts'
import type { Command } from '../command.ts'
import { homeOptions } from '../home-options.ts'
import type { Host } from '../host.ts'
import { MisuseError } from '../misuse.ts'
import { createRequestLog } from '../request-log.ts'
import { tellStart } from '../serve-start.ts'
import { ServedPersona } from '../serving-node.ts'
import type { Session } from '../session.ts'
import { flagsOf } from '../settings/flags.ts'
import { SETTINGS, SETTING_NAMES } from '../settings/table.ts'
import { openCommandSocket } from '../socket/listen.ts'
import { readVault, vaultProtection } from '../vault-file.ts'
import { VERSION } from '../version.ts'
import { GLOBAL_FLAGS } from '../global-flags.ts'

const KEEP_ALIVE_MS = 5 * MINUTE_MS

/** @param runCommandLine runs the commands of other processes inside this one */
export const createServe = (runCommandLine: (argv: readonly string[], host: Host) => Promise<number>): Command => ({
  name: 'serve',
  usage: '[--http HOST:PORT] [--public-url URL] …',
  summary: 'run a home: keep profiles and answer for them',
  details: `An empty directory is enough: the home makes its own keys there. It keeps the profiles of whoever joins it alive, answers for them over HTTP and libp2p, and relays for those who live here. Personas of this directory are served too; their records are renewed if the vault can be opened: set MERCURY_PASSPHRASE, which also seals the home's own keys.

The other commands on this directory go through it; mercury home invite lets somebody join. Ctrl-C stops it. Where it does not run on a terminal, it writes a line of JSON for each request to stderr.`,
  flags: flagsOf(SETTING_NAMES.filter((name) => !isGlobal(SETTINGS[name]))),
  settings: SETTING_NAMES,
  words: [0, 0],
  examples: [
    { line: 'mercury serve', explains: 'a home for this machine' },
    { line: 'mercury serve --listen /ip4/0.0.0.0/tcp/4001 --public-url https://home.example', explains: 'reachable by libp2p; HTTP on 127.0.0.1:8080 for a reverse proxy' },
    { line: 'MERCURY_PASSPHRASE=… mercury serve --policy open --terms terms.txt', explains: 'for anybody who agrees to your terms' }
  ],
  place: 'own',
  async run (session) {
    if (session.offline) throw new MisuseError('mercury serve is there to answer; leave --offline out')
    const { output, directory, host, signal } = session
    const options = await homeOptions(session)
    const personas = await openPersonas(session)
    const served = new ServedPersona(directory)
    await served.refresh()
    const log = host.stderr.isTerminal ? undefined : createRequestLog(host.stderr)
    const opened: { close(): Promise<void> }[] = log ? [log] : []
    try {
      await output.progress('starting the home …')
      const home = await openHome({
        ...options,
        isOwn: (id) => served.isOwn(id),
        carries: (id) => served.carries(id),
        signers: (id) => (id === served.id ? personas.find((persona) => persona.id === id) : undefined),
        version: VERSION,
        onKept: tellKept(session),
        onError: (error, what) => void output.warn(codeOf(error), `${WORK[what]} failed (${reasonOf(error)}); it is tried again`),
        ...(log ? { log: (line) => log.write(line) } : {}),
        signal
      })
      opened.push(home)
      await served.takeCurrent(async (id) => isKept(home.mercury, id))
      opened.push(await openCommandSocket(directory, createRunner(directory, home, served, runCommandLine)))
      await tellStart(session, home, { served: served.id, asked: options.http !== undefined })
      await keepAlive(session, home.mercury, () => personas.filter(({ id }) => id === served.id))
    } finally {
      for (const part of opened.reverse()) await part.close()
    }
    await output.answer({ event: 'stopped' }, ['Stopped.'])
  }
})

const WORK = { 'keep-alive': 'a round of keeping alive', chores: 'a round of what is due', profile: 'publishing the home\'s own profile', changes: 'telling what changed',
  index: 'indexing whom it hosts' } as const

const isGlobal = ({ flag }: { flag?: string }): boolean => flag !== undefined && Object.hasOwn(GLOBAL_FLAGS, flag)

/** The commands that other processes send run here, with the home that is open. */
const createRunner = (directory: string, home: OpenedHome, served: ServedPersona, runCommandLine: (argv: readonly string[], host: Host) => Promise<number>) =>
  async (argv: readonly string[], host: Host): Promise<number> => {
    try {
      return await runCommandLine(argv, { ...host, node: { directory, home, mercury: home.mercury, speakFor: async (persona) => served.speakFor(persona) } })
    } finally {
      await served.refresh()
    }
  }

const tellKept = ({ output }: Session) => (kept: KeptAlive): void => {
  const { id, relayed, failed, refreshed } = kept
  const what = relayed.length > 0 ? `passed on to ${relayed.join(', ')}` : 'passed on to nobody'
  void output.answer({ event: 'kept', ...kept }, [`${new Date().toISOString()} ${id} ${refreshed ? 'renewed, ' : ''}${what}${failed.map(({ router, reason }) => `; ${router}: ${reason}`).join('')}`])
}

/** What the personas of this directory published; everything else is the home's work. */
const keepAlive = async (session: Session, { profiles }: Mercury, signers: () => readonly Persona[]): Promise<void> => {
  const { output, signal } = session
  while (!signal.aborted) {
    try {
      await profiles.keepAlive({ signers: signers(), signal, onProgress: tellKept(session) })
    } catch (error) {
      if (signal.aborted) return
      await output.warn(codeOf(error), `a round of keeping alive ended early (${reasonOf(error)}); the next one is in 5 minutes`)
    }
    // Aborted: the loop ends.
    await delay(KEEP_ALIVE_MS, undefined, { signal }).catch(() => undefined)
  }
}

const codeOf = (error: unknown): string => (error instanceof MercuryError ? error.code : 'INTERNAL')

/** The keys that can be had without asking: a service has nobody to ask. */
const openPersonas = async ({ directory, host }: Session): Promise<readonly Persona[]> => {
  try {
    if (host.passphrase === undefined && (await vaultProtection(directory)) === 'passphrase') return []
    const { personas } = await readVault(directory, async () => host.passphrase ?? '')
    return personas
  } catch (error) {
    if (error instanceof MercuryError && error.code === 'NOT_INITIALISED') return []
    throw error
  }
}

const isKept = async ({ profiles }: Mercury, id: ProfileId): Promise<boolean> => (await profiles.stored(id)) !== undefined
