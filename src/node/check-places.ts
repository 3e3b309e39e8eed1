import { CID } from 'multiformats/cid'
import { SECOND_MS } from '../limits.ts'
import { profileIdFromPublicKey } from '../identity/profile-id.ts'
import { untilAborted } from '../until-aborted.ts'
import type { Mercury } from '../node.ts'
import { readLayout, isOwnNode, type LayoutOptions } from './layout.ts'
import { openBlocksPlace, openRouterPlace, openStatePlace, type OtherPlace, type PlaceContext } from './open-place.ts'
import { describePlace, isLocal, type Place, type Role } from './place.ts'

/** One place of a layout, and whether it answers. */
export interface PlaceReport {
  readonly role: Role
  /** As it is shown: without secrets. */
  readonly place: string
  /** `local`: on this machine's disk; `not asked`: offline, or part of a node that does not run. */
  readonly outcome: 'reachable' | 'unreachable' | 'local' | 'not asked'
  readonly reason?: string
}

export interface CheckOptions extends LayoutOptions, Pick<PlaceContext, 'directory' | 'env'> {
  /** Ask nobody. */
  offline?: boolean
  /** The node that runs on the directory, if one does. */
  node?: Pick<Mercury, 'helia'> | undefined
  signal: AbortSignal
  /** For each place, in milliseconds. @default 10 s */
  timeoutMs?: number
}

/**
 * Asks every place of a layout something small, all at once, each with a connection of its own. One that cannot be opened is unreachable; none keeps another from being told.
 *
 * @throws InvalidPlaceError, or the reason of `signal`
 */
export const checkPlaces = async (options: CheckOptions): Promise<PlaceReport[]> => {
  const { blocks, state, routers } = readLayout(options)
  const places: [Role, Place][] = [...blocks.map((place): [Role, Place] => ['blocks', place]), ['state', state], ...routers.map((place): [Role, Place] => ['router', place])]
  return Promise.all(places.map(async ([role, place]) => ({ role, place: describePlace(place), ...(await report(role, place, options)) })))
}

const report = async (role: Role, place: Place, { directory, env, offline = false, node, signal, timeoutMs = 10 * SECOND_MS }: CheckOptions): Promise<Pick<PlaceReport, 'outcome' | 'reason'>> => {
  if (isLocal(place)) return { outcome: 'local' }
  if (isOwnNode(place)) return reportOwnNode(node)
  if (offline) return { outcome: 'not asked', reason: 'offline' }
  const parts: { close(): Promise<void> }[] = []
  const context: PlaceContext = {
    directory,
    env,
    keep (part) {
      parts.push(part)
      return part
    }
  }
  const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  try {
    await untilAborted(ask(role, place, context, until), until)
    return { outcome: 'reachable' }
  } catch (error) {
    signal.throwIfAborted()
    return { outcome: 'unreachable', reason: until.aborted ? `no answer within ${timeoutMs / SECOND_MS} s` : (error as Error).message }
  } finally {
    // What does not close, as it does not answer, has been told already.
    for (const part of parts.toReversed()) await part.close().catch(() => undefined)
  }
}

/** The block of no bytes, which stands in its own CID: the trustless gateway specification's probe. */
const PROBE = CID.parse('bafkqaaa')
/** A block that a store may have or not. */
const ANY_BLOCK = CID.parse('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
/** A name that nobody can publish under: its key is the curve's base point, which belongs to no private key. */
const ANY_NAME = profileIdFromPublicKey(new Uint8Array(32).fill(0x66).with(0, 0x58))

const ask = async (role: Role, place: OtherPlace, context: PlaceContext, signal: AbortSignal): Promise<void> => {
  if (role === 'state' || place.type === 'postgres') return void await (await openStatePlace(place, context)).get('probe', { signal })
  if (place.type === 'http' && role === 'blocks') {
    const { createGateway } = await import('../adapters/gateway/gateway.ts')
    return void await createGateway({ url: place.urls[0]!, format: 'raw', allowPrivate: true }).fetchBlock(PROBE, signal)
  }
  // Kubo looks for a name for minutes; what it has of blocks it knows at once, over the same API.
  if (place.type === 'kubo' || role === 'blocks') return void await (await openBlocksPlace(place, context)).get(ANY_BLOCK, { offline: true, signal })
  for await (const _ of (await openRouterPlace(place, context)).get(ANY_NAME, { signal })) return
}

const reportOwnNode = (node: CheckOptions['node']): Pick<PlaceReport, 'outcome' | 'reason'> => {
  if (!node?.helia) return { outcome: 'not asked', reason: 'its node is not running' }
  const peers = node.helia.libp2p.getPeers().length
  return peers > 0 ? { outcome: 'reachable', reason: `${peers} ${peers === 1 ? 'peer' : 'peers'}` } : { outcome: 'unreachable', reason: 'no peer' }
}
