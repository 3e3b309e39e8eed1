import { decodeCborMap } from '../../cbor.ts'
import { createKeptHeads } from '../../client/profile-heads.ts'
import { MercuryError } from '../../errors.ts'
import { parseLink } from '../../identity/link.ts'
import { createSigner } from '../../identity/signer.ts'
import { SECOND_MS } from '../../limits.ts'
import type { Mercury } from '../../node.ts'
import type { ProfileDocument } from '../../profile/document.ts'
import type { Findings, MisScoredKey } from '../../search.ts'
import type { FetchedDocument } from '../../search/reading.ts'
import type { Command } from '../command.ts'
import { MisuseError, suggest } from '../misuse.ts'
import { table } from '../output.ts'
import { counted, oneLine } from '../printable.ts'
import { openNamedIndex } from '../search-sources.ts'
import type { Session } from '../session.ts'

export const searchIndex: Command = {
  name: 'index',
  usage: 'publish|audit NAME',
  summary: 'publish what this device keeps as a search index, or check somebody\'s',
  details: `publish writes the listed profiles that this device keeps as blocks, and names them by a key of this persona that is made for it: whoever has the name searches with mercury search --index NAME, from any store that has the blocks. Only what has changed is written; what the version before alone needed is kept for 24 hours. A home publishes its own index by itself.

audit reads a whole index, verifies every profile in it, builds it anew and says what is missing, what should not be there, and what stands under words that it does not have. It fails when something is wrong.`,
  flags: { kept: { type: 'boolean', summary: 'of audit: also say which listed profiles that this device keeps are missing' } },
  words: [1, 2],
  completes: ['publish', 'audit'],
  examples: [
    { line: 'mercury index publish', explains: 'and give the name that it prints to others' },
    { line: 'mercury index audit k51qzi5uqu5d…', explains: 'rebuild it from its documents, and compare' }
  ],
  place: 'directory',
  async run (session) {
    const [action, name] = session.words as [string, string?]
    if (action === 'publish' && session.flags.has('kept')) throw new MisuseError('--kept is for mercury index audit')
    if (action === 'publish' && name === undefined) return publish(session)
    if (action === 'audit' && name !== undefined) return audit(session, name)
    if (action === 'audit') throw new MisuseError('something is missing: the command is mercury index audit NAME')
    throw new MisuseError(action === 'publish' ? `${JSON.stringify(name)} is one word too many: the command is mercury index publish` : `there is no mercury index ${action}${suggest(action, ['publish', 'audit']) || '; there are publish, audit'}`)
  }
}

const publish = async (session: Session): Promise<void> => {
  const { output, signal } = session
  const persona = await session.persona()
  const [{ MAX_PROVIDERS, publishIndex, countCoverage, releaseSuperseded }, mercury] = await Promise.all([import('../../search.ts'), session.open({ speaksFor: persona, sends: true })])
  const signer = await createSigner(persona.leaves.searchIndex)
  await output.progress('indexing what this device keeps …')
  const snapshot = await mercury.index.snapshot({ signal })
  if (snapshot.segments.length === 0) await output.warn('NOTHING_LISTED', 'no profile that is kept here is listed: the index is empty')
  const oldest = await createKeptHeads(mercury.state).oldestCheck({ signal }) ?? Date.now()
  const coverage = await countCoverage(snapshot, { oldest: Math.floor(oldest / SECOND_MS), signal })
  await output.progress('publishing the index …')
  const { state, blocks, routers } = mercury
  const { name, manifest, isNew, written, announcements } = await publishIndex({ snapshot, signer, state, blocks, routers, coverage, providers: mercury.addresses.slice(0, MAX_PROVIDERS), signal })
  await releaseSuperseded(name, { state, blocks, signal })
  const taken = announcements.filter(({ outcome }) => outcome === 'delivered').map(({ router }) => router)
  const refused = announcements.filter(({ outcome }) => outcome !== 'delivered')
  if (announcements.length > 0 && taken.length === 0) await output.warn('UNDELIVERED', 'no router took the name of the index; run the command again when one can be reached')
  await output.answer({ name, sequence: manifest.seq, documents: manifest.documents, isNew, written, announcements }, [
    `${isNew ? 'Published' : 'Nothing has changed; announced again'}: ${counted(manifest.documents, 'profile')}`,
    '',
    ...table([
      ['Name', output.paint('cyan', name)],
      ['Version', String(manifest.seq)],
      ['Written', `${counted(written.blocks, 'block')}, ${counted(written.bytes, 'byte')}`],
      ['Told', taken.join(', ')],
      ['Not told', refused.map(({ router, outcome, reason }) => `${router}: ${outcome}${reason === undefined ? '' : ` (${oneLine(reason)})`}`).join('\n')]
    ], output.paint),
    '',
    `Anybody searches it with: mercury search QUERY --index ${name}`
  ])
}

const audit = async (session: Session, text: string): Promise<void> => {
  const { output, signal, flags } = session
  const { id, addresses } = parseLink(text)
  const [{ auditIndex }, mercury] = await Promise.all([import('../../search.ts'), session.open()])
  await output.progress('looking for the index …')
  const index = await openNamedIndex(id, addresses, mercury, session)
  const onProgress = (documents: number): void => void output.progress(`${documents} of ${index.manifest.documents} profiles are right …`)
  const report = await auditIndex(index, { blocks: mercury.blocks, onProgress, signal, ...(flags.has('kept') ? { documents: keptDocuments(mercury) } : {}) })
  const rebuilt = report.segments.filter((segment) => segment.rebuilt).length
  await output.answer(report, [
    `${counted(report.documents, 'profile')}, version ${report.seq}: ${report.faithful ? output.paint('green', 'it is what its documents make') : output.paint('red', 'it is not what its documents make')}`,
    `${rebuilt} of ${counted(report.segments.length, 'part')} came out the same when they were built again; ${counted(report.work.blocks, 'block')}, ${counted(report.work.bytes, 'byte')} read`,
    ...findings('Missing', report.missing, ({ id }) => id),
    ...findings('Should not be there', report.added, ({ id, cid, reason }) => `${id ?? cid.toString()}  ${reason}`),
    ...findings('Mis-scored', report.misScored, ({ key, how, id }) => `${id === undefined ? '' : `${id}  `}${HOW[how]} ${JSON.stringify(key)}`),
    ...findings('Counted wrong', report.coverage, ({ home, says, counted }) => `${home ?? 'of no home'}  says ${says}, has ${counted}`),
    ...findings('Thought of otherwise than this program does', report.quality, ({ id, says, expected }) => `${id}  ${says} instead of ${expected}`)
  ])
  if (!report.faithful) throw new MercuryError('INDEX_WRONG', 'the index is not what its documents make; do not rely on it')
}

const HOW: Readonly<Record<MisScoredKey['how'], string>> = { false: 'stands under what it does not have:', hidden: 'does not stand under', hits: 'the best are not the best of', words: 'other words than the names have, under' }
const MAX_SHOWN = 20

const findings = <T>(title: string, { total, items }: Findings<T>, line: (finding: T) => string): string[] =>
  total === 0 ? [] : ['', `${title}: ${total}`, ...items.slice(0, MAX_SHOWN).map((finding) => `  ${oneLine(line(finding))}`), ...(total > MAX_SHOWN ? ['  …'] : [])]

/** What this device keeps, verified when it came in. */
async function * keptDocuments ({ state }: Mercury): AsyncGenerator<FetchedDocument> {
  const heads = createKeptHeads(state)
  for await (const id of heads.ids(undefined)) {
    const head = await heads.headOf(id)
    if (head) yield { id, ...head, document: decodeCborMap(head.bytes) as ProfileDocument }
  }
}
