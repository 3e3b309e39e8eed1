import { MercuryError } from '../../errors.ts'
import type { Command } from '../command.ts'
import { deliver, deliveryJson, deliveryRows, notFresh } from '../delivery.ts'
import { table } from '../output.ts'
import { currentPersona } from '../persona-list.ts'

export const remove: Command = {
  name: 'remove',
  usage: '',
  summary: 'remove your profile, for good',
  details: 'Publishes a last, empty version. It is final: the ID can never be published again, and copies that others made of older versions are theirs.',
  flags: { yes: { type: 'boolean', summary: 'do not ask' } },
  words: [0, 0],
  examples: [{ line: 'mercury remove', explains: 'asks before it does it' }],
  place: 'directory',
  async run (session) {
    const { stdin, stderr } = session.host
    const { id } = currentPersona(await session.personas())
    if (stdin.isTerminal && stderr.isTerminal && !session.flags.has('yes')) {
      const answer = await stdin.ask(`This removes ${id} for good. Type remove to go on: `)
      if (answer.trim() !== 'remove') throw new MercuryError('NOT_CONFIRMED', 'nothing was removed')
    }
    const persona = await session.persona()
    const { profiles } = await session.open({ speaksFor: persona, sends: true })
    const delivered = await notFresh(id, session, async () => deliver(session, async (options) => profiles.remove(persona, options)))
    await session.output.answer(deliveryJson(delivered), [
      `Removed ${delivered.id}, with version ${delivered.sequence}`,
      ...table(deliveryRows(delivered), session.output.paint),
      '',
      'Another persona: mercury persona create'
    ])
  }
}
