import { CID } from 'multiformats/cid'
import { createHashStore, createLocalRouter, createMemoryStore, createProfiles, createRecord, signDocument, type HomeEntry, type KeyValueStore, type Profiles, type ProfilesOptions, type Signer } from '../../src/index.ts'
import { createHome, type Home, type HomeOptions } from '../../src/home/create-home.ts'
import { createHomeClient, type HomeClient } from '../../src/hosting/home-client.ts'
import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import type { AgreementRequest } from '../../src/hosting/agreement.ts'
import { signerOf } from '../client/world.ts'
import { openValidatedFetch } from './validated-fetch.ts'

export interface RunningHome {
  readonly home: Home
  readonly url: string
  readonly profiles: Profiles
  readonly state: KeyValueStore
  readonly client: HomeClient
  /** Stops it, and keeps what it was opened over. */
  close(): Promise<void>
}

/** A home on a free port, over memory unless given something else, and by the clock that is given. */
export const openHome = async ({ state = createMemoryStore(), blocks = createHashStore(createMemoryStore()), clock = Date.now, signer, profilesOptions = {}, ...options }: Partial<HomeOptions> & { profilesOptions?: Partial<ProfilesOptions> } = {}): Promise<RunningHome> => {
  const profiles = createProfiles({ blocks, routers: [createLocalRouter(createMemoryStore())], state, clock, volatile: true, ...profilesOptions })
  const home = await createHome({ signer: signer ?? await signerOf(1), profiles, state, blocks, clock, ...options })
  const url = `${home.url}/`
  return {
    home,
    url,
    profiles,
    state,
    client: createHomeClient({ transport: await validatedTransport(home.url!), urls: [url], trusted: true, clock }),
    async close () {
      await home.close()
      await profiles.close()
    }
  }
}

/** Holds the home to its own description in everything that its answers are. */
const validatedTransport = async (base: string): Promise<HomeTransport> => {
  // A connection that was kept may be to a home that ran here before.
  await fetch(base).catch(() => undefined)
  const validated = await openValidatedFetch(base)
  return {
    async send ({ url, method, headers, body }, { signal } = {}) {
      const response = await validated(url, { method, headers, redirect: 'manual', misuse: true, ...(body ? { body } : {}), ...(signal ? { signal } : {}) })
      return { status: response.status, headers: Object.fromEntries(response.headers), body: new Uint8Array(await response.arrayBuffer()) }
    },
    close: async () => {}
  }
}

/** What `persona` asks a home for. */
export const requestOf = (persona: Signer, rest: Partial<AgreementRequest> = {}): AgreementRequest => ({
  persona: persona.id,
  next: persona.pledge?.next ?? null,
  ...(persona.pledge ? { pledge: persona.pledge.sig } : {}),
  ...rest
})

/** A signed version of a persona, in these homes. */
export const versionOf = async (persona: Signer, { seq, homes = [], name = 'Alice', now = Date.now(), gone = false, fields = {} }: { seq: number; homes?: readonly HomeEntry[]; name?: string; now?: number; gone?: boolean; fields?: Record<string, any> }): Promise<{ record: Uint8Array; document: Uint8Array; cid: CID }> => {
  const signed = await signDocument({ name: gone ? undefined : name }, persona, { seq, prev: null, time: Math.floor(now / 1_000) }, { gone, fields: { ...fields, ...(gone ? {} : { homes: homes as any }) } })
  return { record: await createRecord(signed, persona, { now }), document: signed.bytes, cid: signed.cid }
}
