import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { createCommands } from '../../src/cli/commands/index.ts'
import { bashCompletion } from '../../src/cli/completion/bash.ts'
import { fishCompletion } from '../../src/cli/completion/fish.ts'
import { zshCompletion } from '../../src/cli/completion/zsh.ts'
import { GLOBAL_FLAGS } from '../../src/cli/global-flags.ts'
import { mercury } from './mercury.ts'

const commands = createCommands(async () => 0)

/** What a real bash offers for the last of `words`. */
const offered = async (...words: string[]): Promise<string[]> => {
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const child = spawn('bash', ['-c', `${bashCompletion(commands)}\nCOMP_WORDS=(mercury ${quoted}); COMP_CWORD=${words.length}; _mercury; printf '%s\\n' "\${COMPREPLY[@]}"`], { cwd: 'examples' })
  let told = ''
  let failed = ''
  child.stdout.on('data', (part: Buffer) => { told += part.toString() })
  child.stderr.on('data', (part: Buffer) => { failed += part.toString() })
  await once(child, 'close')
  expect(failed).toBe('')
  return told.split('\n').filter((word) => word !== '')
}

describe('bash', () => {
  test('offers commands, then what belongs to each', async () => {
    expect(await offered('')).toEqual(expect.arrayContaining(commands.map(({ name }) => name)))
    expect(await offered('per')).toEqual(['persona'])
    expect(await offered('persona', '')).toEqual(['list', 'create', 'use', 'show', 'import', 'export'])
    expect(await offered('home', '')).toEqual(['invite', 'list', 'ban', 'unban', 'quota', 'stats'])
    expect(await offered('index', '')).toEqual(['publish', 'audit'])
    expect(await offered('search', 'alice', '--kind', '')).toEqual(['persona', 'home', 'application'])
    expect(await offered('help', 'pub')).toEqual(['publish'])
    expect(await offered('completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(await offered('publish', 'ali')).toEqual(expect.arrayContaining(['alice.yaml', 'alice.png']))
    expect(await offered('publish', 'alice.yaml', '')).toEqual([])
  })

  test('offers the options of the command, and none for a value', async () => {
    expect(await offered('resolve', '--a')).toEqual(['--all'])
    expect(await offered('publish', '--a')).toEqual([])
    expect(await offered('--router', 'http://x', 'serve', '--ht')).toEqual(['--http'])
    expect(await offered('serve', '--http', '')).toEqual([])
    expect(await offered('serve', '--public')).toEqual(['--public-url'])
    expect(await offered('join', '--')).toEqual(expect.arrayContaining(['--voucher', '--yes', '--json']))
    expect(await offered('init', '--words', '')).toEqual(['12', '24'])
  })
})

/** There is no zsh and no fish where this runs: their scripts are checked for what they must say. */
describe.each([['zsh', zshCompletion], ['fish', fishCompletion]] as const)('%s', (_, write) => {
  test('has every command and every option', () => {
    const script = write(commands)
    for (const { name, flags = {} } of commands) {
      expect(script).toContain(name)
      for (const flag of Object.keys({ ...flags, ...GLOBAL_FLAGS })) expect(script).toMatch(new RegExp(`(--|-l )${flag}\\b`))
    }
  })

  test('its quotes are closed', async () => {
    const quotes = write(commands).replaceAll('\'\\\'\'', '').replaceAll('\\\'', '').split('\'').length - 1
    expect(quotes % 2).toBe(0)
  })
})

test('the command prints them, as JSON too', async () => {
  expect((await mercury(['completion', 'bash'])).stdout).toBe(bashCompletion(commands))
  expect((await mercury(['completion', 'fish', '--json'])).json).toEqual({ shell: 'fish', script: fishCompletion(commands) })
  expect(await mercury(['completion', 'fihs'])).toMatchObject({ status: 2, stderr: expect.stringContaining('did you mean fish?') })
})
