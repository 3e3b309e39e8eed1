import type { Command } from '../command.ts'
import { notFresh } from '../delivery.ts'
import { oneLine } from '../printable.ts'
import { AGREEMENT_FLAGS, HOME_HELP, describeJoined, joinOptions, joinedLines, openForHomes } from './join.ts'

export const move: Command = {
  name: 'move',
  usage: '[HOME] [--voucher TEXT] [--yes]',
  summary: 'move your profile to another home, also when the old one is gone',
  details: `${HOME_HELP} Your old homes are left once the new one has your profile and somebody else can read that you live there; nothing is needed of them.

A move that was cut off goes on where it was when the command is given again: without HOME on this device, with it on another one that has your words.`,
  flags: AGREEMENT_FLAGS,
  words: [0, 1],
  examples: [
    { line: "mercury move 'mercury:k51…?addr=…&invitation=…'", explains: 'as you were invited' },
    { line: 'mercury move', explains: 'go on with a move that was cut off' }
  ],
  place: 'directory',
  async run (session) {
    const [where] = session.words
    const { mercury, persona, ...known } = await openForHomes(session)
    await session.output.progress(where === undefined ? 'going on …' : `asking ${oneLine(where).slice(0, 80)} …`)
    const moved = await notFresh(persona.id, session, async () => mercury.profiles.move(persona, where, joinOptions(session, known)))
    await session.output.answer({ id: persona.id, ...describeJoined(moved), left: moved.left }, [
      moved.already ? `You live at ${session.output.paint('cyan', moved.home)} already.` : `You live at ${session.output.paint('cyan', moved.home)} now.`,
      ...joinedLines(moved, session)
    ])
  }
}
