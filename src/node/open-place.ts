import { isAbsolute, join } from 'node:path'
import { MercuryError } from '../errors.ts'
import type { Signer } from '../identity/signer.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { NameRouter } from '../naming/name-router.ts'
import { createHashStore, type HashStore } from '../store/hash-store.ts'
import type { KeyValueStore } from '../store/key-value-store.ts'
import { createMemoryStore } from '../store/memory-store.ts'
import { createPrefixStore } from '../store/prefix-store.ts'
import type { Place } from './place.ts'

/** Where secrets come from. */
export type Environment = Readonly<Record<string, string | undefined>>

export interface PlaceContext {
  /** Folders that are not absolute are below it. */
  readonly directory: string
  readonly env: Environment
  /** Closed with the program, the last one first. */
  keep<T extends { close(): Promise<void> }>(part: T): T
  /** Who can sign what a router has to have signed for itself. */
  readonly signers?: (id: ProfileId) => Signer | undefined
  /** Where a place may keep books of its own. */
  readonly state?: KeyValueStore
  /** BitTorrent's node, one for blocks and names. */
  bittorrent?: Promise<BittorrentNode>
}

type BittorrentNode = Awaited<ReturnType<typeof import('../adapters/bittorrent/index.ts')['openBittorrentNode']>>
type OwnNode = 'ipfs' | 'dht' | 'pubsub'
/** A place that needs no node of this program. */
export type OtherPlace = Exclude<Place, { type: OwnNode }> | { readonly type: 'memory' }

/** @throws StoreError, StoreLockedError, MissingDependencyError */
export const openStatePlace = async (place: OtherPlace, context: PlaceContext, folder = 'state'): Promise<KeyValueStore> => {
  switch (place.type) {
    case 'memory': return createMemoryStore()
    case 'level': {
      const { openLevelStore } = await import('../adapters/level.ts')
      return context.keep(await openLevelStore({ location: folderOf(place.location ?? folder, context) }))
    }
    case 'fs': {
      const { openFsStore } = await import('../adapters/fs.ts')
      return context.keep(await openFsStore({ location: folderOf(place.location ?? folder, context) }))
    }
    case 'postgres': {
      const { openPostgresStore } = await import('../adapters/postgres.ts')
      return context.keep(await openPostgresStore({ url: place.url, ...(place.table === undefined ? {} : { table: place.table }) }))
    }
    default: throw new TypeError(`${place.type} keeps no state`)
  }
}

/** @throws StoreError, StoreLockedError, MissingDependencyError, MercuryError `CREDENTIALS_MISSING` */
export const openBlocksPlace = async (place: OtherPlace, context: PlaceContext): Promise<HashStore> => {
  switch (place.type) {
    case 's3': {
      const { createS3Store } = await import('../adapters/s3.ts')
      const { bucket, prefix, endpoint, region, pathStyle } = place
      return context.keep(createS3Store({ bucket, prefix, endpoint, region, pathStyle, credentials: readS3Credentials(context.env), allowPrivate: true }))
    }
    case 'kubo': {
      const { createKuboStore } = await import('../adapters/kubo/index.ts')
      return context.keep(createKuboStore({ url: place.url, authorization: context.env.KUBO_AUTHORIZATION }))
    }
    case 'http': {
      const { createGatewayStore } = await import('../adapters/gateway.ts')
      return context.keep(createGatewayStore({ urls: place.urls, allowPrivate: true }))
    }
    case 'bittorrent': {
      const { createBittorrentStore } = await import('../adapters/bittorrent/index.ts')
      return context.keep(createBittorrentStore(await bittorrentNode(place, context), context.state ? { state: createPrefixStore(context.state, 'bittorrent/') } : {}))
    }
    // In a database that keeps the state too, blocks have a prefix of their own.
    default: return context.keep(createHashStore(createPrefixStore(await openStatePlace(place, context, 'own-blocks'), 'blocks/')))
  }
}

/** @throws InvalidUrlError, MissingDependencyError */
export const openRouterPlace = async (place: OtherPlace, context: PlaceContext): Promise<NameRouter> => {
  switch (place.type) {
    case 'http': {
      const { createDelegatedRouter } = await import('../adapters/delegated.ts')
      return context.keep(createDelegatedRouter({ url: place.urls[0]!, allowPrivate: true }))
    }
    case 'kubo': {
      const { createKuboRouter } = await import('../adapters/kubo/index.ts')
      return context.keep(createKuboRouter({ url: place.url, authorization: context.env.KUBO_AUTHORIZATION }))
    }
    case 'bittorrent': {
      const { createBittorrentRouter } = await import('../adapters/bittorrent/index.ts')
      return context.keep(createBittorrentRouter(await bittorrentNode(place, context), { signers: context.signers, ...(context.state ? { state: createPrefixStore(context.state, 'bittorrent-names/') } : {}) }))
    }
    default: throw new TypeError(`${place.type} routes no names`)
  }
}

/** How a new node finds the public BitTorrent DHT, as BitTorrent programs do. */
export const MAINLINE_BOOTSTRAP: readonly string[] = ['router.bittorrent.com:6881', 'dht.transmissionbt.com:6881', 'router.utorrent.com:6881']

const bittorrentNode = ({ host, port, bootstrap = MAINLINE_BOOTSTRAP }: Extract<Place, { type: 'bittorrent' }>, context: PlaceContext): Promise<BittorrentNode> => {
  context.bittorrent ??= (async () => {
    const { openBittorrentNode } = await import('../adapters/bittorrent/index.ts')
    return context.keep(await openBittorrentNode({ host, port, bootstrap }))
  })()
  return context.bittorrent
}

const folderOf = (location: string, { directory }: PlaceContext): string => (isAbsolute(location) ? location : join(directory, location))

const readS3Credentials = ({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken }: Environment) => {
  if (!accessKeyId || !secretAccessKey) throw new MercuryError('CREDENTIALS_MISSING', 'an S3 store needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment')
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
}
