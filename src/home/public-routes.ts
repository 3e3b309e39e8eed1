import type { Profiles } from '../client/profiles.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import type { ChangeLog } from './change-log.ts'
import type { EventFeed } from './event-feed.ts'
import type { Hosting } from './hosting.ts'
import type { Metrics } from './metrics.ts'
import type { HomeIndex } from './home-index.ts'
import type { HomePage } from './page.ts'
import type { Route } from './route.ts'
import { eventsRoutes } from './routes/events.ts'
import { gatewayRoutes } from './routes/gateway.ts'
import { pageRoutes } from './routes/page.ts'
import { profilesRoutes } from './routes/profiles.ts'
import { routingRoutes } from './routes/routing.ts'
import { searchRoutes } from './routes/search.ts'
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
  changes: ChangeLog
  feed: EventFeed
  index: HomeIndex
  /** For people. */
  page: () => HomePage | Promise<HomePage>
  /** The home's own profile, where it has one. */
  home?: ProfileId | undefined
  /** Milliseconds since 1970. */
  clock: () => number
}

/** What anyone may ask of a home. */
export const publicRoutes = (parts: PublicParts): readonly Route[] => [
  ...routingRoutes({ ...parts, onTaken: () => parts.feed.notice() }),
  ...gatewayRoutes(parts),
  ...profilesRoutes(parts),
  ...searchRoutes({ profiles: parts.profiles, index: parts.index.local }),
  ...eventsRoutes(parts),
  ...serviceRoutes(parts),
  ...pageRoutes(parts.page, { profiles: parts.profiles, index: parts.index.local })
]
