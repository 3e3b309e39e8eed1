import type { Profiles } from '../client/profiles.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import type { Hosting } from './hosting.ts'
import type { Metrics } from './metrics.ts'
import type { Route } from './route.ts'
import { gatewayRoutes } from './routes/gateway.ts'
import { profilesRoutes } from './routes/profiles.ts'
import { routingRoutes } from './routes/routing.ts'
import { serviceRoutes } from './routes/service.ts'
import type { StrangerRecords } from './stranger-records.ts'

export interface PublicParts {
  profiles: Pick<Profiles, 'stored' | 'accept'>
  /** Only what is here is given out. */
  blocks: HashStore
  /** That of `profiles`. */
  state: KeyValueStore
  hosting: Hosting
  strangers: StrangerRecords
  metrics: Metrics
  /** The home's own profile, where it has one. */
  home?: ProfileId | undefined
  /** Milliseconds since 1970. */
  clock: () => number
}

/** What anyone may ask of a home. */
export const publicRoutes = (parts: PublicParts): readonly Route[] => [
  ...routingRoutes(parts),
  ...gatewayRoutes(parts),
  ...profilesRoutes(parts),
  ...serviceRoutes(parts)
]
