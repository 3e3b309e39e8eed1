import { setTimeout as delay } from 'node:timers/promises'
import type { KeptAlive } from '../../client/keep-alive.ts'
import { MercuryError } from '../../errors.ts'
import { openHttpServer } from '../../home/http.ts'
import { formatLink } from '../../identity/link.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { Persona } from '../../identity/seed.ts'
import { MINUTE_MS } from '../../limits.ts'
import { openMercury, type Mercury } from '../../node.ts'
import type { Command } from '../command.ts'
import type { Host } from '../host.ts'
import { MisuseError } from '../misuse.ts'
import { table } from '../output.ts'
import { ServedPersona } from '../serving-node.ts'
import type { Session } from '../session.ts'
import { openCommandSocket } from '../socket/listen.ts'
import { readVault, vaultProtection } from '../vault-file.ts'

const KEEP_ALIVE_MS = 5 * MINUTE_MS

/** @param runCommandLine runs the commands of other processes inside this one */
export const createServe = (runCommandLine: (argv: readonly string[], host: Host) => Promise<number>): Command => ({
  name: 'serve',
  usage: '[--http HOST:PORT]',
  summary: 'run a node that keeps profiles and answers for them',
  details: 'Keeps every profile that was published, imported or taken here alive, and answers over libp2p and, with --http, over HTTP. Your own records are renewed if the vault can be opened: set MERCURY_PASSPHRASE. The other commands on this directory go through it. Ctrl-C stops it.',
  flags: { http: { type: 'string', value: 'HOST:PORT', summary: 'also answer over HTTP here; 127.0.0.1:8080 for this machine alone' } },
  words: [0, 0],
  examples: [
    { line: 'mercury serve --listen /ip4/0.0.0.0/tcp/4001 --http 127.0.0.1:8080', explains: 'reachable by libp2p; HTTP for a reverse proxy' },
    { line: 'MERCURY_PASSPHRASE=… mercury serve', explains: 'renews your own records too' }
  ],
  place: 'own',
  async run (session) {
    if (session.offline) throw new MisuseError('mercury serve is there to answer; leave --offline out')
    const http = readHttpAddress(session.flags.text('http'))
    const personas = await openPersonas(session)
    const served = new ServedPersona(session.directory)
    await served.refresh()
    const opened: { close(): Promise<void> }[] = []
    try {
      await session.output.progress('starting the node …')
      const mercury = await openMercury({
        ...await session.networkOptions(),
        dht: 'server',
        carries: (id) => served.carries(id),
        signers: (id) => (id === served.id ? personas.find((persona) => persona.id === id) : undefined)
      })
      opened.push(mercury)
      await served.takeCurrent(async (id) => isKept(mercury, id))
      const server = http && (await openHttpServer({ ...mercury, ...http }))
      if (server) opened.push(server)
      opened.push(await openCommandSocket(session.directory, createRunner(session.directory, mercury, served, runCommandLine)))
      await tellStart(session, mercury, { http: server?.url, served: served.id })
      await keepAlive(session, mercury, () => personas.filter(({ id }) => id === served.id))
    } finally {
      for (const part of opened.reverse()) await part.close()
    }
    await session.output.answer({ event: 'stopped' }, ['Stopped.'])
  }
})

/** The commands that other processes send run here, with the node that is open. */
const createRunner = (directory: string, mercury: Mercury, served: ServedPersona, runCommandLine: (argv: readonly string[], host: Host) => Promise<number>) =>
  async (argv: readonly string[], host: Host): Promise<number> => {
    try {
      return await runCommandLine(argv, { ...host, node: { directory, mercury, speakFor: async (persona) => served.speakFor(persona) } })
    } finally {
      await served.refresh()
    }
  }

const keepAlive = async ({ output, signal, json }: Session, { profiles }: Mercury, signers: () => readonly Persona[]): Promise<void> => {
  const tell = (kept: KeptAlive): void => {
    const { id, relayed, failed, refreshed } = kept
    const what = relayed.length > 0 ? `passed on to ${relayed.join(', ')}` : 'passed on to nobody'
    void output.answer({ event: 'kept', ...kept }, [`${new Date().toISOString()} ${id} ${refreshed ? 'renewed, ' : ''}${what}${failed.map(({ router, reason }) => `; ${router}: ${reason}`).join('')}`])
  }
  while (!signal.aborted) {
    try {
      await profiles.keepAlive({ signers: signers(), signal, onProgress: tell })
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof MercuryError) || !json) await output.warn(error instanceof MercuryError ? error.code : 'INTERNAL', `a round of keeping alive ended early (${(error as Error).message}); the next one is in 5 minutes`)
    }
    // Aborted: the loop ends.
    await delay(KEEP_ALIVE_MS, undefined, { signal }).catch(() => undefined)
  }
}

const tellStart = async ({ output, directory }: Session, { addresses, peerId }: Mercury, { http, served }: { http: string | undefined; served: ProfileId | undefined }): Promise<void> => {
  const document = { event: 'started', directory, peerId, addresses, ...(http === undefined ? {} : { http }), ...(served === undefined ? {} : { id: served, link: formatLink({ id: served, addresses: addresses.slice(0, MAX_LINKED_ADDRESSES) }) }), pid: process.pid }
  await output.answer(document, [
    ...table([
      ['Serving', directory],
      ['Addresses', addresses.join('\n')],
      ['HTTP', http],
      ['Speaks for', served && output.paint('cyan', served)],
      ['Link', document.link]
    ], output.paint),
    '',
    'Stop it with Ctrl-C. Other commands on this directory go through it.'
  ])
}

const MAX_LINKED_ADDRESSES = 4

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

const isKept = async ({ profiles }: Mercury, id: ProfileId): Promise<boolean> => {
  for await (const kept of profiles.kept()) if (kept === id) return true
  return false
}

const readHttpAddress = (text: string | undefined): { host: string; port: number } | undefined => {
  if (text === undefined) return undefined
  const [, host = '', port = ''] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):(\d{1,5})$/.exec(text) ?? []
  if (host === '' || Number(port) > 65_535) throw new MisuseError(`--http takes HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080; got ${JSON.stringify(text)}`)
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}
