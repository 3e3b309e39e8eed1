import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { resolve, join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { cleanUp, mercury, nextLine, start, temporaryFolder } from './mercury.ts'

let directory: string
beforeEach(async () => { directory = join(await temporaryFolder(), 'mercury') })
afterAll(cleanUp)

/** Runs the command on a terminal of its own (util-linux `script`), typing each answer once its question is there. Answers with what the screen was sent. */
const onTerminal = async (argv: readonly string[], typed: readonly (readonly [question: string, answer: string])[], env: Record<string, string> = {}): Promise<{ status: number; screen: string }> => {
  const line = [resolve('node_modules/.bin/node'), resolve('src/cli/mercury.ts'), '--directory', directory, ...argv].map((word) => `'${word}'`).join(' ')
  const { MERCURY_PASSPHRASE: _, NO_COLOR: __, ...inherited } = process.env
  const child = spawn('script', ['-qec', line, '/dev/null'], { env: { ...inherited, TERM: 'xterm', ...env }, detached: true })
  let screen = ''
  let seen = 0
  const waiting = [...typed]
  child.stdout.on('data', (part: Buffer) => {
    screen += part.toString()
    const [next] = waiting
    const at = next ? screen.indexOf(next[0], seen) : -1
    if (!next || at < 0) return
    seen = at + next[0].length
    waiting.shift()
    child.stdin.write(next[1])
  })
  const [status] = await once(child, 'close') as [number]
  expect(waiting).toEqual([])
  return { status, screen }
}

describe('on a terminal', () => {
  test('a passphrase is asked for twice and never shown', async () => {
    const { status, screen } = await onTerminal(['init'], [['passphrase', 'rabbit\u007ft h0le\r'], ['Once more', 'rabbit h0le\r']])
    expect(status).toBe(0)
    expect(screen).toContain('They are shown once and kept nowhere')
    expect(screen).not.toContain('h0le')
    expect(await mercury(['--directory', directory, '--offline', 'publish', '-'], { stdin: 'name: A', env: { MERCURY_PASSPHRASE: 'rabbit h0le' } })).toMatchObject({ status: 0 })
    const published = await onTerminal(['--offline', 'publish', resolve('examples/alice.yaml')], [['Passphrase:', 'rabbit h0le\r']])
    expect(published.status).toBe(0)
    expect(published.screen).not.toContain('h0le')
  })

  test('two different ones are none', async () => {
    const { status, screen } = await onTerminal(['init'], [['passphrase', 'one\r'], ['Once more', 'two\r']])
    expect(status).toBe(1)
    expect(screen).toContain('the two passphrases differ')
  })

  test('Ctrl-C at a question ends the command', async () => {
    const { status, screen } = await onTerminal(['init'], [['passphrase', 'secret\u0003']])
    expect(status).toBe(130)
    expect(screen).not.toContain('secret')
    expect((await mercury(['--directory', directory, '--json', 'status'])).json.initialised).toBe(false)
  })

  test('the words to restore from are asked for, not taken from options', async () => {
    const words = 'legal winner thank year wave sausage worth useful legal winner thank yellow'
    const { status, screen } = await onTerminal(['init', '--restore', '--unprotected'], [['Your words', `${words}\r`]])
    expect(status).toBe(0)
    expect(screen).toContain('Your personas are back')
  })

  test('remove asks, and does nothing without the right answer', async () => {
    await mercury(['--directory', directory, 'init', '--unprotected'])
    await mercury(['--directory', directory, '--offline', 'publish', '-'], { stdin: 'name: A' })
    const { status, screen } = await onTerminal(['--offline', 'remove'], [['Type remove', 'yes\r']])
    expect(status).toBe(1)
    expect(screen).toContain('nothing was removed')
    expect((await onTerminal(['--offline', 'remove'], [['Type remove', 'remove\r']])).status).toBe(0)
  })

  test('the terms of a home are shown and asked about', async () => {
    const home = join(await temporaryFolder(), 'home')
    const config = 'blocks: level\nrouters: []\ndhtProtocol: /test/kad/1.0.0\n'
    for (const [folder, text] of [[home, `${config}policy: open\nterms: terms.txt\n`], [directory, config]] as const) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(join(folder, 'mercury.config.yaml'), text)
    }
    await writeFile(join(home, 'terms.txt'), 'Be kind.\u001b[2J\n')
    const serving = start(['--directory', home, '--json', 'serve', '--http', '127.0.0.1:0'])
    try {
      const { http } = await nextLine(serving, ({ event }) => event === 'started')
      await mercury(['--directory', directory, 'init', '--unprotected'])
      const refused = await onTerminal(['join', http], [['Do you agree?', 'no\r']], { NO_COLOR: '1' })
      expect([refused.status, refused.screen]).toEqual([1, expect.stringContaining('Be kind.')])
      expect(refused.screen).not.toContain('\u001b[2J')
      expect((await onTerminal(['join', http], [['Do you agree?', 'yes\r']])).status).toBe(0)
    } finally {
      const closed = once(serving, 'close')
      serving.stdout.resume()
      serving.kill('SIGKILL')
      await closed
    }
  })

  test('there are colours, unless NO_COLOR says no; elsewhere there are none', async () => {
    expect((await onTerminal(['help'], [])).screen).toContain('\u001b[1m')
    expect((await onTerminal(['help'], [], { NO_COLOR: '1' })).screen).not.toContain('\u001b')
    expect((await mercury(['help'])).stdout).not.toContain('\u001b')
  })

  test('an archive is not thrown at it', async () => {
    const { status, screen } = await onTerminal(['export', 'k51qzi5uqu5dkghbugk78xndgxbqgc71vutwz1zwkv3u6xgsz96kwwtfxx701f'], [])
    expect(status).toBe(2)
    expect(screen).toContain('> FILE.car')
  })

  test('what a stranger wrote does not control it', async () => {
    await mercury(['--directory', directory, 'init', '--unprotected'])
    const { stdout } = await mercury(['--directory', directory, '--json', '--offline', 'publish', '-'], { stdin: '{ "name": "A", "bio": "\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m", "org.example/x": "\\u001b[1m" }' })
    const { screen } = await onTerminal(['--offline', 'resolve', JSON.parse(stdout).id], [], { NO_COLOR: '1' })
    expect(screen).toContain('owned')
    expect(screen.replaceAll('\r\u001b[K', '')).not.toMatch(/[\u001b\u0007\u009b]/)
  })
})

describe('without one', () => {
  test('whoever closes stdout early is no error', async () => {
    const child = start(['help'])
    child.stdout.destroy()
    let told = ''
    child.stderr.on('data', (part: Buffer) => { told += part.toString() })
    expect((await once(child, 'close'))[0]).toBe(0)
    expect(told).toBe('')
  })

  test('closed streams are no crash', async () => {
    const run = async (redirect: string) => {
      const child = spawn('sh', ['-c', `exec ${resolve('node_modules/.bin/node')} ${resolve('src/cli/mercury.ts')} --directory ${directory} persona list ${redirect}`], { detached: true, stdio: 'ignore' })
      return (await once(child, 'close'))[0] as number
    }
    expect(await run('<&-')).toBe(1)
    expect(await run('<&- >&-')).toBe(1)
    expect(await run('2>&-')).toBe(1)
  })

  test('a full disk behind stdout is an error', async () => {
    const child = spawn('sh', ['-c', `exec ${resolve('node_modules/.bin/node')} ${resolve('src/cli/mercury.ts')} help > /dev/full`], { detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    let told = ''
    child.stderr.on('data', (part: Buffer) => { told += part.toString() })
    expect((await once(child, 'close'))[0]).toBe(1)
    expect(told).toContain('the output could not be written')
  })
})
