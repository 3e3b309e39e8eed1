import { exportProfile } from '../../client/archive.ts'
import { parseLink } from '../../identity/link.ts'
import type { Command } from '../command.ts'
import { MisuseError } from '../misuse.ts'

export const exportCommand: Command = {
  name: 'export',
  usage: 'ID|LINK > FILE.car',
  summary: 'write a profile with its pictures into one file',
  details: 'The file is a CAR, readable by any IPFS software; it holds the signed record too, so it can be verified and imported without a network.',
  words: [1, 1],
  examples: [
    { line: 'mercury export k51qzi5uqu5d… > alice.car', explains: 'a backup' },
    { line: 'mercury --offline export k51qzi5uqu5d… > alice.car', explains: 'of what this device has' }
  ],
  place: 'directory',
  async run (session) {
    const { json, offline, output, signal } = session
    if (session.host.stdout.isTerminal && !json) throw new MisuseError('the archive is binary; send it into a file: mercury export ID > FILE.car')
    const { id, addresses, next } = parseLink(session.words[0]!)
    const { profiles, blocks } = await session.open()
    await output.progress(`looking for ${id} …`)
    const { cid, sequence, recordBytes, documentBytes } = await profiles.resolve(id, { policy: offline ? 'offline' : 'first', hints: addresses, next, signal })
    const archive = await exportProfile({ record: recordBytes, document: documentBytes }, blocks, { signal, hints: addresses })
    if (json) await output.answer({ id, cid, sequence, bytes: archive.byteLength, archive }, [])
    else await output.bytes(archive)
  }
}
