import type { Profiles } from '../../src/client/profiles.ts'
import type { NameRouter } from '../../src/naming/name-router.ts'
import type { HashStore } from '../../src/store/hash-store.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { createChangeLog } from '../../src/home/change-log.ts'
import { createHomeIndex } from '../../src/home/home-index.ts'
import { openEventFeed } from '../../src/home/event-feed.ts'
import { keepAliveLag } from '../../src/home/keep-alive-lag.ts'
import { createKeptHosting } from './kept-hosting.ts'
import { createMetrics } from '../../src/home/metrics.ts'
import { withOpenApi } from '../../src/home/openapi.ts'
import { publicRoutes } from '../../src/home/public-routes.ts'
import { openServer, type HomeServer, type ServerOptions } from '../../src/home/server.ts'
import { createStrangerRecords } from '../../src/home/stranger-records.ts'

export interface HttpServerOptions extends Omit<ServerOptions, 'routes' | 'metrics'> {
  profiles: Profiles
  /** Only what is here is given out. */
  blocks: HashStore
  /** That of `profiles`. */
  state: KeyValueStore
  /** Asked for names that are not kept here. @default those of `profiles`, which then remember what they find */
  routers?: readonly NameRouter[]
  /** Further profiles than these are not taken. @default 100,000 */
  maxProfiles?: number
  /** Milliseconds since 1970. @default `Date.now` */
  clock?: () => number
  /** Of the program, for the description. @default 0.0.0 */
  version?: string
}

/**
 * Serves the public routes of a home without agreements: it takes the records of anybody, and hands out what it keeps.
 *
 * @throws what {@link openServer} throws
 */
export const openHttpServer = async ({ profiles, blocks, state, routers = [throughProfiles(profiles)], maxProfiles, clock = Date.now, version = '0.0.0', ...serverOptions }: HttpServerOptions): Promise<HomeServer> => {
  const metrics = createMetrics()
  const hosting = createKeptHosting({ state, ...(maxProfiles === undefined ? {} : { maxProfiles }) })
  const strangers = createStrangerRecords({ routers, clock })
  metrics.gauge('keep_alive_lag_seconds', 'How long the name that waits longest to be passed on has been due.', async () => keepAliveLag(state, clock()))
  metrics.gauge('hosted_profiles', 'Profiles that are hosted.', async () => hosting.count())
  const changes = createChangeLog({ state, hosting, clock })
  const feed = openEventFeed(changes)
  const routes = withOpenApi(publicRoutes({ profiles, blocks, state, hosting, strangers, metrics, changes, feed, index: createHomeIndex({ state, blocks, routers: [], hosting, changes, signer: undefined, addresses: () => [], clock }), page: () => ({}), clock }), { version })
  const server = await openServer({ ...serverOptions, routes, metrics }).catch(async (error: unknown) => {
    await feed.close()
    throw error
  })
  return {
    url: server.url,
    get connections () {
      return server.connections
    },
    async close (options) {
      strangers.close()
      await server.close(options)
      await feed.close()
    }
  }
}

/** The routers of a client, seen as one. */
const throughProfiles = (profiles: Profiles): NameRouter => ({
  name: 'profiles',
  put: async () => {},
  async * get (id, options) {
    const record = await profiles.record(id, options).catch(asAbsent)
    if (record) yield record
  },
  close: async () => {}
})

const asAbsent = (error: unknown): undefined => {
  const { code, answers } = error as { code?: string; answers?: readonly unknown[] }
  const isAlone = code === 'UNREACHABLE' && answers?.length === 0
  if (code === 'NOT_FOUND' || code === 'NOT_A_PROFILE' || isAlone) return undefined
  throw error
}
