import { importProfile, verifyArchive } from '../../client/archive.ts'
import { isVcard } from '../../vcard.ts'
import { readArchive } from '../archive-file.ts'
import type { Command } from '../command.ts'
import { deliver, deliveryJson, deliveryRows } from '../delivery.ts'
import { MisuseError } from '../misuse.ts'
import { table } from '../output.ts'
import { readPersonaList } from '../persona-list.ts'

export const importCommand: Command = {
  name: 'import',
  usage: 'FILE.car|-',
  summary: 'keep a profile from a file, and pass it on',
  details: 'Needs no key: the file is verified, kept here with its pictures, and its record is passed on to the network as it is.',
  words: [1, 1],
  completes: 'file',
  examples: [{ line: 'mercury import alice.car', explains: 'help a friend\'s profile stay there' }],
  place: 'directory',
  async run (session) {
    const bytes = await readArchive(session, session.words[0]!)
    if (isVcard(bytes)) throw new MisuseError('a vCard is signed by nobody, so there is nothing to keep; to make it your own profile: mercury publish FILE.vcf')
    const { id } = await verifyArchive(bytes)
    const own = (await readPersonaList(session.directory))?.personas.find((entry) => entry.id === id)
    const mercury = await session.open({ sends: true, ...(own ? { speaksFor: await session.persona(own) } : {}) })
    const delivered = await deliver(session, async (options) => importProfile(bytes, mercury, { ...options, id }))
    await session.output.answer(deliveryJson(delivered), [
      `Keeping ${session.output.paint('cyan', delivered.id)}, version ${delivered.sequence}`,
      ...table(deliveryRows(delivered), session.output.paint),
      '',
      'It is passed on while a node runs: mercury serve'
    ])
  }
}
