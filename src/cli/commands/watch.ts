import { parseLink } from '../../identity/link.ts'
import { SECOND_MS } from '../../limits.ts'
import type { Command } from '../command.ts'
import { MisuseError } from '../misuse.ts'
import { resolvedJson, resolvedLines } from '../profile-text.ts'

const MAX_SECONDS = 86_400

export const watch: Command = {
  name: 'watch',
  usage: 'ID|LINK',
  summary: 'show a profile now and whenever it changes',
  details: 'Goes on until Ctrl-C, or until the owner removes the profile.',
  flags: { every: { type: 'string', value: 'SECONDS', summary: 'how often to ask; 60 by default' } },
  words: [1, 1],
  examples: [{ line: 'mercury watch k51qzi5uqu5d… --json', explains: 'one line of JSON for each version' }],
  place: 'directory',
  async run (session) {
    const { id } = parseLink(session.words[0]!)
    const intervalMs = readSeconds(session.flags.text('every') ?? '60') * SECOND_MS
    const { profiles } = await session.open()
    await session.output.progress(`waiting for ${id} …`)
    try {
      for await (const resolved of profiles.watch(id, { intervalMs, policy: session.offline ? 'offline' : 'all', signal: session.signal })) {
        await session.output.answer(resolvedJson(resolved), [...resolvedLines(resolved, session.output.paint), ''])
      }
    } catch (error) {
      // Ctrl-C is how it ends.
      if (!session.signal.aborted) throw error
    }
  }
}

const readSeconds = (text: string): number => {
  const seconds = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || seconds <= 0 || seconds > MAX_SECONDS) throw new MisuseError(`--every takes seconds, over 0 and at most ${MAX_SECONDS}; got ${JSON.stringify(text)}`)
  return seconds
}
