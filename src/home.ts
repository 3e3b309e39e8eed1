import { createProfiles, type Profiles } from './client/profiles.ts'
import { MercuryError } from './errors.ts'
import { createHome, type Home, type HomeOptions } from './home/create-home.ts'
import { createHostingBooks } from './home/hosting-books.ts'
import { createOperator, type HomeOperator } from './home/operator.ts'
import { storedDocument } from './home/books/served-profiles.ts'
import { readSettings, type HomeSettings } from './home/settings.ts'
import { parseProfileId, type ProfileId } from './identity/profile-id.ts'
import { createSigner } from './identity/signer.ts'
import { openMercury, type Mercury, type MercuryOptions } from './node.ts'
import { openHomeKeys, type HomeKeysOptions } from './node/home-keys.ts'

export { createHome, type Home, type HomeOptions } from './home/create-home.ts'
export type { HomeStats, HostedPage, HostedProfile, HomeOperator, InviteOptions, Invited, ListOptions } from './home/operator.ts'
export { DEFAULT_SETTINGS, type HomeSettings } from './home/settings.ts'

/** Where the HTTP side listens by default; on a free port where that one is taken. */
export const DEFAULT_HTTP = { host: '127.0.0.1', port: 8080 } as const

export interface OpenHomeOptions extends Omit<MercuryOptions, 'dht' | 'offline' | 'peerKey' | 'relay'>, Partial<HomeSettings>, Pick<HomeOptions, 'version' | 'limits' | 'log' | 'onKept' | 'onError' | 'indexMs'> {
  /** Where to listen for HTTP; `false` for no HTTP. @default {@link DEFAULT_HTTP}, or a free port where that is taken */
  http?: { host?: string; port?: number } | false | undefined
  /** Seals the vault of the home's keys, and opens it. @default `MERCURY_PASSPHRASE` of `env`; without one file permissions alone protect it */
  passphrase?: HomeKeysOptions['passphrase']
  /** Profiles of the machine's own personas: `mercury.profiles` sends them and passes them on, as far as `carries` says; everything else the home does. @default none */
  isOwn?: (id: ProfileId) => boolean
}

/** A home that runs, and everything that it runs on. */
export interface OpenedHome extends Home {
  /** For programs beside the home: publishes and looks up over the same stores and the same node. */
  readonly mercury: Mercury
  /** Where the home's 12 words still are: whoever runs it writes them down and deletes the file. */
  readonly wordsFile?: string
}

/**
 * Runs a home in a directory, as `mercury serve` does: its own keys, an IPFS node with a DHT server and a relay for whoever lives here, HTTP, and the books.
 * An empty directory is enough. `blocks`, `state` and `routers` say where everything is in the words of `openMercury`.
 *
 * ```ts
 * import { openHome } from 'mercury-profiles/home'
 *
 * const home = await openHome({ directory: '/srv/home', publicUrls: ['https://home.example'] })
 * console.log(home.link) // where it is
 * console.log((await home.invite({ uses: 3 })).link) // for `mercury join`, or `profiles.join`
 * await home.close()
 * ```
 *
 * @throws what `openMercury`, {@link openHomeKeys} and {@link createHome} throw
 */
export const openHome = async (options: OpenHomeOptions): Promise<OpenedHome> => {
  const { directory, env = process.env, signers, passphrase = env.MERCURY_PASSPHRASE, isOwn = () => false, carries = () => true, clock, signal, http } = options
  const settings = readSettings(settingsOf(options))
  const { persona, wordsFile, isNew } = await openHomeKeys({ directory, passphrase, signal })
  let home: Home | undefined
  const relay = { allows: async (peer: string): Promise<boolean> => home?.relaysFor(parseProfileId(peer)) ?? false }
  const mercury = await openMercury({ ...options, dht: 'server', peerKey: persona.leaves.peer, relay, signers: (id) => (id === persona.id ? persona : signers?.(id)), carries: (id) => isOwn(id) && carries(id) })
  const { blocks, state, routers, peerId } = mercury
  let profiles: Profiles | undefined
  try {
    // A client of the home's own, which knows no way to other homes: whoever publishes sends to all of his.
    profiles = createProfiles({ blocks, state, routers, carries: (id) => !isOwn(id), clock, ...timeoutsOf(options) })
    const parts: HomeOptions = {
      signer: persona, indexSigner: await createSigner(persona.leaves.searchIndex), isNew, profiles, state, blocks, routers, settings, clock, ...reportersOf(options),
      addresses: () => mercury.addresses,
      ...(peerId === undefined ? {} : { peer: peerId })
    }
    home = await startHome(parts, http)
  } catch (error) {
    await profiles?.close()
    await mercury.close()
    throw error
  }
  const running = { home, profiles }
  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await running.home.close()
    await running.profiles.close()
    await mercury.close()
  }
  return withMembers(home, { mercury, ...(wordsFile === undefined ? {} : { wordsFile }), close: () => (closed ??= close()) })
}

/** Listens where it was told to, else at the default, else wherever it can. */
const startHome = async (parts: HomeOptions, http: OpenHomeOptions['http']): Promise<Home> => {
  if (http !== undefined) return createHome({ ...parts, http })
  try {
    return await createHome({ ...parts, http: DEFAULT_HTTP })
  } catch (error) {
    if (!(error instanceof MercuryError) || error.code !== 'ADDRESS_IN_USE') throw error
    return createHome({ ...parts, http: { host: DEFAULT_HTTP.host, port: 0 } })
  }
}

export interface OpenOperatorOptions extends Pick<HomeKeysOptions, 'directory' | 'passphrase' | 'signal'>, Partial<HomeSettings> {
  /** Opened on the same directory. */
  mercury: Mercury
  /** Milliseconds since 1970. @default `Date.now` */
  clock?: () => number
}

/**
 * The operator's book of a home that does not run: what is written there counts when it runs again.
 *
 * @throws what {@link openHomeKeys} and `readSettings` throw
 */
export const openOperator = async ({ mercury: { profiles, state, blocks }, clock = Date.now, ...options }: OpenOperatorOptions): Promise<HomeOperator & { readonly id: ProfileId; close(): Promise<void> }> => {
  const settings = readSettings(settingsOf(options))
  const { persona } = await openHomeKeys(options)
  const document = await storedDocument(persona.id, profiles)
  const books = createHostingBooks({ home: persona, state, blocks, profiles, settings, clock })
  return { id: persona.id, ...createOperator({ books, signer: persona, settings, addresses: () => document?.addrs ?? [], clock }), close: () => books.close() }
}

const settingsOf = ({ policy, terms, maxProfiles, quotaBytes, unhostedDays, offerHours, agreementDays, publicUrls, name, trustProxy }: Partial<HomeSettings>): Partial<HomeSettings> =>
  ({ policy, terms, maxProfiles, quotaBytes, unhostedDays, offerHours, agreementDays, publicUrls, name, trustProxy }) as Partial<HomeSettings>

const timeoutsOf = ({ routerTimeoutMs, blockTimeoutMs, deliveryTimeoutMs }: OpenHomeOptions) => ({ routerTimeoutMs, blockTimeoutMs, deliveryTimeoutMs })

const reportersOf = ({ version, limits, log, onKept, onError, indexMs }: OpenHomeOptions) => ({ version, limits, log, onKept, onError, ...(indexMs === undefined ? {} : { indexMs }) })

/** `home` with further members; what it computes when it is asked goes on being computed. */
const withMembers = <T extends object>(home: Home, members: T): Home & T =>
  Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(home), ...Object.getOwnPropertyDescriptors(members) }) as Home & T
