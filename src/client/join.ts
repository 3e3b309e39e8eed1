import { equals } from 'uint8arrays'
import type { Signer } from '../identity/signer.ts'
import { agreeWith, bringTo, checkPlace, entryOf, othersThan, ownHead, readBack, requireHomes, withHome } from './agree.ts'
import { uploadMedia } from './home-media.ts'
import type { JoinOptions, Joined } from './hosting.ts'
import { homeTarget } from './known-homes.ts'
import { findPlace, meetHome } from './named-home.ts'
import type { ClientParts } from './parts.ts'
import { edit } from './publish.ts'

/**
 * Has a home host the signer's persona: agreement -> media there -> a version whose `homes` starts with it -> read back from there.
 * Each step may be repeated: a call that was cut off is made again.
 *
 * @param where a URL, a `mercury:` link or a profile ID
 */
export const join = async (signer: Signer, where: string, { voucher, agreesTo, peer, onProgress, wait, first, signal: given }: JoinOptions, parts: ClientParts): Promise<Joined> => {
  const homes = requireHomes(parts)
  const signal = given ? AbortSignal.any([given, parts.closing]) : parts.closing
  const place = await findPlace(where, { signal }, parts)
  const met = await meetHome(place, homes, { signal }, parts)
  const { home, contact, named } = met
  onProgress?.({ type: 'described', description: met.description })
  const head = await ownHead(signer.id, { first, signal }, parts)
  checkPlace(othersThan(head?.document, home))
  const { acceptance, state } = await agreeWith(met, signer, head?.document, { voucher: voucher ?? place.voucher, agreesTo, peer, signal }, parts)
  onProgress?.({ type: 'agreed', home, acceptance })
  if (named.length > 0) await homes.remember(home, named, { signal })
  const isListed = head !== undefined && isSame(entryOf(head.document, home), acceptance)
  if (isListed && state === 'active') return { home, acceptance, already: true, media: { blocks: 0, bytes: 0, missing: [] } }
  const media = head ? await uploadMedia({ cid: head.record.cid, bytes: head.documentBytes }, contact, signer, { blocks: parts.blocks, signal }) : { blocks: 0, bytes: 0, missing: [] }
  onProgress?.({ type: 'uploaded', home, media })
  const published = isListed ? undefined : await edit(signer, (draft) => draft, {
    wait, first, signal, onProgress,
    fields: (document) => ({ homes: withHome(document, acceptance) }),
    needs: [homeTarget(home)]
  }, parts)
  if (isListed) await bringTo(contact, head, signer, { signal }, parts)
  await readBack(home, contact, signer.id, { signal }, parts)
  onProgress?.({ type: 'active', home })
  return { home, acceptance, already: false, media, ...(published ? { published } : {}) }
}

const isSame = (a: { sig: Uint8Array } | undefined, b: { sig: Uint8Array }): boolean => a !== undefined && equals(a.sig, b.sig)
