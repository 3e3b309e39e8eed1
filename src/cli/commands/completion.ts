import { bashCompletion } from '../completion/bash.ts'
import { fishCompletion } from '../completion/fish.ts'
import { zshCompletion } from '../completion/zsh.ts'
import type { Command } from '../command.ts'
import { MisuseError, suggest } from '../misuse.ts'

const WRITERS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const
const SHELLS = Object.keys(WRITERS)

/** @param commands all of them, this one too */
export const createCompletion = (commands: () => readonly Command[]): Command => ({
  name: 'completion',
  usage: SHELLS.join('|'),
  summary: 'print what makes your shell complete mercury\'s commands',
  words: [1, 1],
  completes: SHELLS,
  examples: [
    { line: 'mercury completion bash > ~/.local/share/bash-completion/completions/mercury', explains: 'bash' },
    { line: 'mercury completion zsh > "${fpath[1]}/_mercury"', explains: 'zsh' },
    { line: 'mercury completion fish > ~/.config/fish/completions/mercury.fish', explains: 'fish' }
  ],
  place: 'anywhere',
  async run ({ words, output, json }) {
    const [shell] = words as [string]
    if (!isShell(shell)) throw new MisuseError(`there is no completion for ${JSON.stringify(shell)}${suggest(shell, SHELLS) || `; there is for ${SHELLS.join(', ')}`}`)
    const script = WRITERS[shell](commands())
    if (json) await output.answer({ shell, script }, [])
    else await output.bytes(new TextEncoder().encode(script))
  }
})

const isShell = (text: string): text is keyof typeof WRITERS => Object.hasOwn(WRITERS, text)
