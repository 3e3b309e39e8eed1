import { exportProfile } from '../../client/archive.ts'
import type { Resolved } from '../../client/profiles.ts'
import { MercuryError } from '../../errors.ts'
import { parseLink } from '../../identity/link.ts'
import { MAX_AVATAR_BYTES, SECOND_MS } from '../../limits.ts'
import { draftOf } from '../../profile/draft.ts'
import { RAW, getBlock, isBlockCid } from '../../store/block.ts'
import type { HashStore } from '../../store/hash-store.ts'
import { formatVcard, type VcardPhoto } from '../../vcard.ts'
import type { Command } from '../command.ts'
import { MisuseError } from '../misuse.ts'
import type { Session } from '../session.ts'
import { warnOfLoss } from '../vcard-file.ts'

export const exportCommand: Command = {
  name: 'export',
  usage: 'ID|LINK [--vcard] > FILE',
  summary: 'write a profile with its pictures into one file',
  details: `The file is a CAR, readable by any IPFS software; it holds the signed record too, so it can be verified and imported without a network.

With --vcard it is a card for address books, with the picture in it. Nothing in a vCard is signed, and what it cannot hold is named.`,
  flags: { vcard: { type: 'boolean', summary: 'write a vCard 4.0 instead of a CAR' } },
  words: [1, 1],
  examples: [
    { line: 'mercury export k51qzi5uqu5d… > alice.car', explains: 'a backup' },
    { line: 'mercury --offline export k51qzi5uqu5d… > alice.car', explains: 'of what this device has' },
    { line: 'mercury export k51qzi5uqu5d… --vcard > alice.vcf', explains: 'for an address book' }
  ],
  place: 'directory',
  async run (session) {
    const { flags, json, offline, output, signal } = session
    const asVcard = flags.has('vcard')
    if (session.host.stdout.isTerminal && !json) throw new MisuseError(`what comes out is made for a file: mercury export ID ${asVcard ? '--vcard > FILE.vcf' : '> FILE.car'}`)
    const { id, addresses, next } = parseLink(session.words[0]!)
    const { profiles, blocks } = await session.open()
    await output.progress(`looking for ${id} …`)
    const resolved = await profiles.resolve(id, { policy: offline ? 'offline' : 'first', hints: addresses, next, signal })
    await (asVcard ? writeVcard(resolved, blocks, session, addresses) : writeArchive(resolved, blocks, session, addresses))
  }
}

const writeArchive = async ({ id, cid, sequence, recordBytes, documentBytes }: Resolved, blocks: HashStore, { json, output, signal }: Session, hints: readonly string[]): Promise<void> => {
  const archive = await exportProfile({ record: recordBytes, document: documentBytes }, blocks, { signal, hints })
  if (json) await output.answer({ id, cid, sequence, bytes: archive.byteLength, archive }, [])
  else await output.bytes(archive)
}

const writeVcard = async ({ id, cid, sequence, document, profile }: Resolved, blocks: HashStore, session: Session, hints: readonly string[]): Promise<void> => {
  const photo = await fetchPicture(profile, blocks, session, hints)
  const { text, lost } = await formatVcard(draftOf(document), { id, ...(photo ? { photo } : {}), revised: new Date(document.time * SECOND_MS) })
  const missing = [...lost, ...profile.ignored.map(({ key }) => key)]
  await warnOfLoss(session, 'left out of the vCard', missing)
  if (session.json) await session.output.answer({ id, cid, sequence, vcard: text, lost: missing }, [])
  else await session.output.bytes(new TextEncoder().encode(text))
}

/** Undefined where it cannot be had: a card without a picture is better than none. */
const fetchPicture = async ({ avatar }: Resolved['profile'], blocks: HashStore, { offline, output, signal }: Session, hints: readonly string[]): Promise<VcardPhoto | undefined> => {
  if (!avatar || !isBlockCid(avatar.cid, RAW)) return undefined
  await output.progress('fetching the picture …')
  try {
    const bytes = await getBlock(blocks, avatar.cid, { offline, hints, signal, maxBytes: MAX_AVATAR_BYTES })
    return bytes && { bytes, type: avatar.type }
  } catch (error) {
    if (!(error instanceof MercuryError)) throw error
    return undefined
  }
}
