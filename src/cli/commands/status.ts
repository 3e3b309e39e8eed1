import type { ProfileId } from '../../identity/profile-id.ts'
import type { Command } from '../command.ts'
import { table } from '../output.ts'
import { currentPersona, readPersonaList } from '../persona-list.ts'
import type { Session } from '../session.ts'
import { vaultProtection } from '../vault-file.ts'
import { VERSION } from '../version.ts'

export const status: Command = {
  name: 'status',
  usage: '',
  summary: 'show what is here, what runs and what is still owed',
  words: [0, 0],
  examples: [{ line: 'mercury status', explains: 'is everything sent?' }],
  place: 'directory',
  async run (session) {
    const { directory, output, host: { node } } = session
    const list = await readPersonaList(directory)
    const { kept, owed } = await readKept(session)
    const protection = list && (await vaultProtection(directory))
    const current = list && currentPersona(list)
    const answer = {
      directory,
      initialised: list !== undefined,
      ...(list && current ? { personas: list.personas.length, current: current.id, protection } : {}),
      node: node ? { peerId: node.mercury.peerId, addresses: node.mercury.addresses } : null,
      kept,
      owed,
      versions: { mercury: VERSION, node: process.versions.node }
    }
    await output.answer(answer, table([
      ['Directory', directory],
      ['Personas', list ? `${list.personas.length}, kept ${protection === 'passphrase' ? 'under a passphrase' : 'by file mode only'}` : 'none; make them with mercury init'],
      ['You are', current && `${current.label === undefined ? '' : `${current.label}  `}${output.paint('cyan', current.id)}`],
      ['Node', node ? node.mercury.addresses.join('\n') : 'not running; start one with mercury serve'],
      ['Kept', `${kept} ${kept === 1 ? 'profile' : 'profiles'}`],
      ['Owed', owed.length === 0 ? 'nothing' : owed.map(({ id, targets }) => `${id} to ${targets.join(', ')}`).join('\n')],
      ['Versions', `mercury ${VERSION}, Node.js ${process.versions.node}`]
    ], output.paint))
  }
}

const readKept = async (session: Session): Promise<{ kept: number; owed: { id: ProfileId; targets: readonly string[] }[] }> => {
  if (!session.host.node && (await session.isNew())) return { kept: 0, owed: [] }
  const { profiles } = await session.open({ local: true })
  let kept = 0
  for await (const _ of profiles.kept()) kept++
  const owed = []
  for await (const entry of profiles.owed()) owed.push(entry)
  return { kept, owed }
}
