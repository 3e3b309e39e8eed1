import type { Command } from '../command.ts'
import { tellHelp } from '../help-text.ts'
import { MisuseError, suggest } from '../misuse.ts'

/** @param commands all of them, this one too */
export const createHelp = (commands: () => readonly Command[]): Command => ({
  name: 'help',
  usage: '[COMMAND]',
  summary: 'explain a command, with an example',
  words: [0, 1],
  examples: [{ line: 'mercury help publish', explains: 'what a profile file looks like' }],
  place: 'anywhere',
  async run ({ words: [name], output }) {
    const command = commands().find((candidate) => candidate.name === name)
    if (name !== undefined && !command) throw new MisuseError(`there is no command ${JSON.stringify(name)}${suggest(name, commands().map((candidate) => candidate.name)) || '; mercury help lists them'}`)
    await tellHelp(commands(), command, output)
  }
})
