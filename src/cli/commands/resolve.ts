import { parseLink } from '../../identity/link.ts'
import type { Command } from '../command.ts'
import { currentHomeJson, currentHomeLines } from '../current-home-text.ts'
import { MisuseError } from '../misuse.ts'
import { resolvedJson, resolvedLines } from '../profile-text.ts'

export const resolve: Command = {
  name: 'resolve',
  usage: 'ID|LINK [--all|--offline] [--keep|--home]',
  summary: 'read a profile, verified, from whoever has it',
  details: 'Answers with the first router that gives a version at or above the highest that this device has seen. A link may pin the pledge of its owner: another key\'s profile is then refused.',
  flags: {
    all: { type: 'boolean', summary: 'wait for every router, and show what each of them did' },
    home: { type: 'boolean', summary: 'find the home where it lives now, and say which were passed over, and why' },
    keep: { type: 'boolean', summary: 'keep it from now on, its picture too; mercury serve passes it on' }
  },
  words: [1, 1],
  examples: [
    { line: 'mercury resolve k51qzi5uqu5d…', explains: 'from the network' },
    { line: 'mercury resolve --keep k51qzi5uqu5d…', explains: 'and help to keep it there for others' },
    { line: 'mercury resolve --home k51qzi5uqu5d…', explains: 'where it lives' },
    { line: 'mercury resolve --offline k51qzi5uqu5d… --json', explains: 'what this device last saw of it' }
  ],
  place: 'directory',
  async run (session) {
    const { id, addresses, next } = parseLink(session.words[0]!)
    if (session.flags.has('home') && session.flags.has('keep')) throw new MisuseError('--home looks for a home alone; give --keep in a command of its own')
    const { profiles } = await session.open()
    await session.output.progress(`looking for ${id} …`)
    const policy = session.offline ? 'offline' : session.flags.has('all') ? 'all' : 'first'
    if (session.flags.has('home')) {
      const found = await profiles.resolveHome(id, { policy, reach: !session.offline, hints: addresses, next, signal: session.signal })
      return session.output.answer(currentHomeJson(found), currentHomeLines(found, session.output.paint))
    }
    const resolved = await profiles.resolve(id, { policy, hints: addresses, next, keep: session.flags.has('keep'), signal: session.signal })
    await session.output.answer(resolvedJson(resolved), resolvedLines(resolved, session.output.paint))
  }
}
