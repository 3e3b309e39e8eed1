import { decodeCbor, encodeCbor } from '../cbor.ts'
import { addressOfUrl } from '../hosting/home-address.ts'
import { parseHomeLink } from '../hosting/invitation.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import type { Signer } from '../identity/signer.ts'
import { endAll, ownHead, requireHomes, tellLeft } from './agree.ts'
import type { HostingOptions, Left } from './hosting.ts'
import { homeOf, homesOf, type KnownHomes, type ListedHome } from './known-homes.ts'
import type { ClientParts } from './parts.ts'
import { edit } from './publish.ts'

/**
 * Leaves a home, or all: a version without it -> told to it -> agreement ended. Nothing is needed of the home.
 *
 * The homes are written down (`leave/<id>`) before the first step, so that a call that was cut off is made again and ends what is left.
 *
 * @param where a URL, a `mercury:` link or a profile ID
 */
export const leave = async (signer: Signer, where: string | undefined, { onProgress, wait, first, signal: given }: HostingOptions, parts: ClientParts): Promise<Left> => {
  const homes = requireHomes(parts)
  const signal = given ? AbortSignal.any([given, parts.closing]) : parts.closing
  const head = await ownHead(signer.id, { first, signal }, parts)
  const begun = await readBegun(signer.id, parts, signal)
  const known = [...homesOf(head?.document), ...begun]
  const wanted = where === undefined ? known : [await namedHome(where, known, homes, signal)]
  const left = [...new Map([...wanted, ...begun].map((home) => [home.home, home])).values()]
  const isLeft = (home: ProfileId | undefined): boolean => left.some((other) => other.home === home)
  await parts.store.put(leaveKey(signer.id), encodeCbor(left.map(({ home, addrs }) => ({ home, addrs }))), { signal })
  const isListed = homesOf(head?.document).some(({ home }) => isLeft(home))
  const published = isListed ? await edit(signer, (draft) => draft, {
    wait, signal, onProgress,
    fields: (document) => ({ homes: (document?.homes ?? []).filter((entry) => !isLeft(homeOf(entry))) }),
    before: (next) => tellLeft(left, next, homes, parts)
  }, parts) : undefined
  if (!isListed && head) await tellLeft(left, head, homes, parts)
  const ended = await endAll(left, signer, homes, { signal }, parts)
  for (const one of ended) onProgress?.({ type: 'ended', ended: one })
  await parts.store.delete(leaveKey(signer.id), { signal })
  return { homes: ended, ...(published ? { published } : {}) }
}

const readBegun = async (id: ProfileId, { store }: ClientParts, signal: AbortSignal): Promise<readonly ListedHome[]> => {
  const bytes = await store.get(leaveKey(id), { signal })
  return bytes ? decodeCbor(bytes) as unknown as ListedHome[] : []
}

const leaveKey = (id: ProfileId): string => `leave/${id}`

/** A home that does not answer any more can still be named by the URL at which it was. */
const namedHome = async (where: string, known: readonly ListedHome[], homes: KnownHomes, signal: AbortSignal): Promise<ListedHome> => {
  if (!/^https?:/i.test(where)) {
    const { home, addresses } = parseHomeLink(where)
    return known.find((other) => other.home === home) ?? { home, addrs: addresses }
  }
  const address = addressOfUrl(where)
  const url = new URL(where).href
  for (const home of known) {
    const { named, found } = await homes.contact(home, { signal })
    if ([...named, ...found].includes(url)) return home
  }
  const { value: { home } } = await homes.at({ named: [url], found: [] }).ask((client) => client.describe({ signal }))
  await homes.remember(home, [url], { signal })
  return known.find((other) => other.home === home) ?? { home, addrs: [address] }
}
