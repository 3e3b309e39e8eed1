import { verifyArchive } from '../../client/archive.ts'
import { viewProfile } from '../../profile/view.ts'
import { readArchive } from '../archive-file.ts'
import type { Command } from '../command.ts'
import { table } from '../output.ts'
import { oneLine } from '../printable.ts'

export const verify: Command = {
  name: 'verify',
  usage: 'FILE.car|-',
  summary: 'check a profile file: every hash and every signature',
  details: 'Needs neither a network nor personas. What it cannot tell is whether a newer version exists.',
  words: [1, 1],
  completes: 'file',
  examples: [{ line: 'mercury verify alice.car', explains: 'whose profile it is, and that nothing was changed' }],
  place: 'anywhere',
  async run (session) {
    const { id, record, document, blocks, missing } = await verifyArchive(await readArchive(session, session.words[0]!))
    const profile = viewProfile(document)
    const { paint } = session.output
    const answer = { id, cid: record.cid, sequence: record.sequence, expiresAt: record.validUntil, expired: record.expired, gone: document.gone === true, name: profile.name, kind: profile.kind, blocks: blocks.size, missing }
    await session.output.answer(answer, [
      `${paint('green', 'Verified')}: ${profile.name === undefined ? '(no name)' : oneLine(profile.name)}${document.gone ? ', removed by its owner' : ''}`,
      ...table([
        ['ID', paint('cyan', id)],
        ['Version', `${record.sequence}, ${record.expired ? 'expired on' : 'valid until'} ${record.validUntil.toISOString().slice(0, 10)}`],
        ['Blocks', `${blocks.size} whole${missing.length === 0 ? '' : paint('yellow', `, ${missing.length} not in the file`)}`]
      ], paint)
    ])
  }
}
