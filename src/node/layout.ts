import { createHashWeb } from '../store/hash-web.ts'
import type { HashStore } from '../store/hash-store.ts'
import { createTieredStore } from '../store/tiered-store.ts'
import { describePlace, parsePlace, InvalidPlaceError, type Place } from './place.ts'

/** Where everything of one program is, as it was written. */
export interface LayoutOptions {
  /** Where blocks are kept, the fastest first. Those of one hash space are tiers of it; the space of the first takes what is put. @default `ipfs` */
  blocks?: string | readonly string[] | undefined
  /** Where floors, records and what is owed are kept: one place. @default `level`, in the directory */
  state?: string | undefined
  /** Whom to publish to and to ask, all at once. @default `dht` */
  routers?: readonly string[] | undefined
  /** Base URLs, http or https, of homes and delegated routers, beside `routers`. */
  homes?: readonly string[] | undefined
}

/** The same, read. */
export interface Layout {
  readonly blocks: readonly Place[]
  readonly state: Place
  readonly routers: readonly Place[]
}

/** @throws InvalidPlaceError */
export const readLayout = ({ blocks = 'ipfs', state = 'level', routers = ['dht'], homes = [] }: LayoutOptions): Layout => {
  const layout = {
    blocks: [blocks].flat().map((text) => parsePlace('blocks', text)),
    state: parsePlace('state', state),
    routers: [...new Set([...routers, ...homes])].map((text) => parsePlace('router', text))
  }
  if (layout.blocks.length === 0) throw new InvalidPlaceError('blocks', 'there is none')
  for (const role of ['blocks', 'routers'] as const) {
    const names = layout[role].map(describePlace)
    const twice = names.find((name, i) => names.indexOf(name) < i)
    if (twice !== undefined) throw new InvalidPlaceError(role === 'blocks' ? 'blocks' : 'router', `${twice} is there twice`)
  }
  return layout
}

/** Whether the program runs an IPFS node of its own for it. */
export const isOwnNode = (place: Place): place is Place & { type: 'ipfs' | 'dht' | 'pubsub' } => place.type === 'ipfs' || place.type === 'dht' || place.type === 'pubsub'

/** Gateways are raced, so all of them are one store, in the place of the first. */
export const withOneOfGateways = (places: readonly Place[]): Place[] => {
  const urls = places.flatMap((place) => (place.type === 'http' ? place.urls : []))
  return places.flatMap((place): Place[] => (place.type !== 'http' ? [place] : place.urls[0] === urls[0] ? [{ type: 'http', urls }] : []))
}

/** Several stores as one: tiers of a hash space, and where there are several spaces a web of them, whose default is that of the first. */
export const assembleBlocks = (stores: readonly HashStore[], keep: <T extends { close(): Promise<void> }>(part: T) => T): HashStore => {
  const spaces = [...Map.groupBy(stores, ({ space }) => space).values()].map((tiers) => (tiers.length === 1 ? tiers[0]! : keep(createTieredStore(tiers))))
  return spaces.length === 1 ? spaces[0]! : keep(createHashWeb({ spaces, default: stores[0]!.space }))
}
