import type { Command } from '../command.ts'
import { leftRows, showHosting } from '../hosting.ts'
import { table } from '../output.ts'
import { HOME_HELP, openForHomes } from './join.ts'

export const leave: Command = {
  name: 'leave',
  usage: '[HOME]',
  summary: 'leave a home, or all of them',
  details: `${HOME_HELP} Without it all homes of your profile are left. A home that is gone or refuses keeps nobody: your profile no longer names it.`,
  words: [0, 1],
  examples: [
    { line: 'mercury leave https://home.example', explains: 'one of them' },
    { line: 'mercury leave', explains: 'all; your profile stays wherever else it is' }
  ],
  place: 'directory',
  async run (session) {
    const { mercury, persona } = await openForHomes(session)
    await session.output.progress('leaving …')
    const { homes, published } = await mercury.profiles.leave(persona, session.words[0], { onProgress: showHosting(session), signal: session.signal })
    const answer = { id: persona.id, left: homes, ...(published ? { cid: published.cid, sequence: published.sequence } : {}) }
    await session.output.answer(answer, [
      homes.length === 0 ? 'Your profile has no home.' : `Your profile${published ? `, version ${published.sequence},` : ''} no longer names ${homes.length === 1 ? 'it' : 'them'}.`,
      ...table(leftRows(homes), session.output.paint)
    ])
  }
}
