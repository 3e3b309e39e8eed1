import { createKeptHeads } from '../client/profile-heads.ts'
import { decodeCborMap } from '../cbor.ts'
import { MercuryError } from '../errors.ts'
import { parseLink } from '../identity/link.ts'
import { decodeProfileId, type ProfileId } from '../identity/profile-id.ts'
import { SECOND_MS } from '../limits.ts'
import type { Mercury } from '../node.ts'
import type { ProfileDocument } from '../profile/document.ts'
import { publishedSource, openIndex, type PublishedIndex, type SearchSource } from '../search.ts'
import { createPrefixStore } from '../store/prefix-store.ts'
import { NotInitialisedError, currentPersona } from './persona-list.ts'
import type { Session } from './session.ts'

/** How long finding the newest version of an index may take. */
const FIND_MS = 15 * SECOND_MS

/** The indexes of these names, as far as they are found; what is not is told by the report of the search. @throws InvalidProfileIdError */
export const namedIndexes = async (names: readonly string[], mercury: Mercury, session: Session): Promise<SearchSource[]> => {
  const links = names.map((name) => parseLink(name))
  return found(links.map(({ id, addresses }) => ({ name: id, open: () => openNamedIndex(id, addresses, mercury, session) })))
}

/** The indexes of the homes where the persona of this directory lives. */
export const homeIndexes = async (mercury: Mercury, session: Session): Promise<SearchSource[]> => {
  const persona = await session.personas().then(currentPersona, (error: unknown) => {
    if (error instanceof NotInitialisedError) return undefined
    throw error
  })
  const document = persona && (await documentOf(persona.id, mercury))
  const homes = (document?.homes ?? []).map(({ id, addrs }) => ({ id: decodeProfileId(id), addresses: addrs ?? [] }))
  return found(homes.map(({ id, addresses }) => ({ name: id, open: () => openOfHome(id, addresses, mercury, session) })))
}

/** Looked for all at once before the search begins: its own time is for blocks. */
const found = async (wanted: readonly { name: string; open: () => Promise<PublishedIndex> }[]): Promise<SearchSource[]> => {
  const opened = await Promise.allSettled(wanted.map(({ open }) => open()))
  return wanted.map(({ name }, i) => publishedSource(name, async () => {
    const outcome = opened[i]!
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  }))
}

/** @param id the name of an index, or the ID of a home that publishes one */
export const openNamedIndex = async (id: ProfileId, addresses: readonly string[], mercury: Mercury, session: Session): Promise<PublishedIndex> => {
  try {
    return await openAt(id, addresses, mercury, session)
  } catch (error) {
    // The name is a profile's: perhaps it lists an index.
    if (error instanceof MercuryError && error.code === 'INVALID_MANIFEST') return openOfHome(id, addresses, mercury, session)
    throw error
  }
}

const openOfHome = async (id: ProfileId, addresses: readonly string[], mercury: Mercury, session: Session): Promise<PublishedIndex> => {
  await mercury.profiles.resolve(id, { hints: addresses, signal: withTimeout(session) })
  const document = await documentOf(id, mercury)
  if (!document?.index) throw new MercuryError('NO_INDEX', `${id} publishes no search index`)
  return openAt(decodeProfileId(document.index), [...addresses, ...document.addrs ?? []], mercury, session)
}

const openAt = (name: ProfileId, hints: readonly string[], { state, blocks, routers, profiles }: Mercury, session: Session): Promise<PublishedIndex> => openIndex(name, {
  routers,
  blocks,
  hints,
  state: createPrefixStore(state, 'search/'),
  timeoutMs: FIND_MS,
  signal: session.signal,
  judge: async (id, { seq }) => (((await profiles.stored(id))?.sequence ?? 0n) > BigInt(seq) ? 'stale' : 'current')
})

const documentOf = async (id: ProfileId, { state }: Mercury): Promise<ProfileDocument | undefined> => {
  const head = await createKeptHeads(state).headOf(id)
  return head && decodeCborMap(head.bytes) as ProfileDocument
}

const withTimeout = ({ signal }: Session): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(FIND_MS)])
