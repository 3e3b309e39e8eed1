import { copyState, type CopiedProfile } from '../../client/copy-state.ts'
import { MercuryError, reasonOf } from '../../errors.ts'
import { parseLink } from '../../identity/link.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { readProfileRecord } from '../../naming/record.ts'
import type { Mercury } from '../../node.ts'
import { copyBlocks, type CopiedBlock } from '../../store/copy-blocks.ts'
import type { HashStore } from '../../store/hash-store.ts'
import type { Command } from '../command.ts'
import { MisuseError } from '../misuse.ts'
import type { Session } from '../session.ts'

/** Profiles at a time: enough to hide a round trip. */
const CONCURRENCY = 8

export const copy: Command = {
  name: 'copy',
  usage: '--from PLACE --to PLACE [ID…]',
  summary: 'copy profiles from one store to another',
  details: `Copies the blocks of the profiles that are named, or of all that are kept here, pictures included. Each block is verified when it is read and again where it was written; what cannot be copied is named, and the rest goes on. Nothing is taken away at the source. A copy that was interrupted goes on where it was when the command is given again.

PLACE is what blocks may be in mercury.config.yaml: ipfs, level:DIR, fs:DIR, postgres://…, s3://…, kubo://…, https://GATEWAY, bittorrent. With --state it copies instead what is known of the profiles (versions, what is owed, what is pinned), between level:DIR, fs:DIR and postgres://….`,
  flags: {
    from: { type: 'string', value: 'PLACE', summary: 'read here' },
    to: { type: 'string', value: 'PLACE', summary: 'write here' },
    state: { type: 'boolean', summary: 'copy what is known of the profiles instead of their blocks' }
  },
  words: [0, Infinity],
  examples: [
    { line: "mercury copy --from ipfs --to 's3://profiles?endpoint=https://s3.example'", explains: 'everything that is kept here' },
    { line: 'mercury copy --from kubo://127.0.0.1:5001 --to level:backup k51qzi5uqu5d…', explains: 'one profile' },
    { line: 'mercury copy --state --from level --to postgres://mercury@db.example/mercury', explains: 'before state: is changed in mercury.config.yaml' }
  ],
  place: 'directory',
  async run (session) {
    const [from, to] = [session.flags.text('from'), session.flags.text('to')]
    if (from === undefined || to === undefined) throw new MisuseError('say from where to where: mercury copy --from PLACE --to PLACE')
    if (from === to) throw new MisuseError('--from and --to are the same place')
    const ids = session.words.map((word) => parseLink(word).id)
    await (session.flags.has('state') ? copyStates(session, { from, to, ids }) : copyAllBlocks(session, { from, to, ids }))
  }
}

interface Task {
  from: string
  to: string
  ids: readonly ProfileId[]
}

const copyAllBlocks = async (session: Session, { from, to, ids }: Task): Promise<void> => {
  const { output, signal } = session
  const mercury = await session.openState({ withNode: [from, to].includes('ipfs') })
  const [source, destination] = [await session.openBlocks(from, mercury), await session.openBlocks(to, mercury)]
  const count = { profiles: 0, copied: 0, present: 0, bytes: 0 }
  const failed: { id: ProfileId; cid?: string; reason: string }[] = []

  const copyOne = async (id: ProfileId): Promise<void> => {
    const tell = ({ cid, outcome, bytes, error }: CopiedBlock): void => {
      if (outcome === 'failed') return void failed.push({ id, cid: cid.toString(), reason: reasonOf(error) })
      count[outcome]++
      count.bytes += outcome === 'copied' ? bytes : 0
    }
    try {
      const { cid, documentBytes } = await newestOf(id, mercury, signal)
      await copyBlocks({ from: withDocument(source, cid.toString(), documentBytes), to: destination, roots: [cid], onBlock: tell, signal })
    } catch (error) {
      signal.throwIfAborted()
      failed.push({ id, reason: reasonOf(error) })
    }
    count.profiles++
    await output.progress(`${count.profiles} profiles, ${count.copied} blocks copied, ${count.present} there already${failed.length > 0 ? `, ${failed.length} not copied` : ''} …`)
  }

  for await (const batch of inBatches(ids.length > 0 ? ids : mercury.profiles.kept({ signal }))) await Promise.all(batch.map(copyOne))
  const { profiles, copied, present, bytes } = count
  await output.answer({ from, to, profiles, copied, present, bytes, failed }, [
    `${profiles} ${profiles === 1 ? 'profile' : 'profiles'}: ${copied} ${copied === 1 ? 'block' : 'blocks'} copied (${bytes} bytes), ${present} there already.`,
    ...failed.map(({ id, cid, reason }) => `Not copied: ${cid === undefined ? id : `${cid} of ${id}`}: ${reason}`)
  ])
  if (failed.length > 0) throw new MercuryError('NOT_ALL_COPIED', `${failed.length} could not be copied; give the command again when what is named is to be had`)
}

const copyStates = async (session: Session, { from, to, ids }: Task): Promise<void> => {
  const { output, signal } = session
  const [source, destination] = [await session.openStateAt(from), await session.openStateAt(to)]
  const count = { copied: 0, present: 0 }
  const failed: { id: ProfileId; reason: string }[] = []
  const tell = ({ id, outcome, error }: CopiedProfile): void => {
    if (outcome === 'failed') failed.push({ id, reason: reasonOf(error) })
    else count[outcome]++
    void output.progress(`${count.copied} profiles copied, ${count.present} there already …`)
  }
  await copyState({ from: source, to: destination, ...(ids.length > 0 ? { ids } : {}), onProfile: tell, signal })
  await output.answer({ from, to, ...count, failed }, [
    `${count.copied} ${count.copied === 1 ? 'profile' : 'profiles'} copied, ${count.present} there already.`,
    ...failed.map(({ id, reason }) => `Not copied: ${id}: ${reason}`)
  ])
  if (failed.length > 0) throw new MercuryError('NOT_ALL_COPIED', `${failed.length} could not be copied; what is named is damaged or not there`)
}

const newestOf = async (id: ProfileId, { profiles }: Mercury, signal: AbortSignal) => readProfileRecord(id, await profiles.record(id, { policy: 'offline', signal }), { now: Date.now() })

/** A document that rides in its record need not be in the source. */
const withDocument = (source: HashStore, cid: string, document: Uint8Array | undefined): HashStore =>
  document ? { ...source, get: async (wanted, options) => (wanted.toString() === cid ? Uint8Array.from(document) : source.get(wanted, options)) } : source

const inBatches = async function * (ids: AsyncIterable<ProfileId> | Iterable<ProfileId>): AsyncGenerator<ProfileId[]> {
  let batch: ProfileId[] = []
  for await (const id of ids) {
    if (batch.push(id) < CONCURRENCY) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
