import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Host } from '../../src/cli/host.ts'
import { openCommandSocket, type CommandSocket } from '../../src/cli/socket/listen.ts'
import { socketPath } from '../../src/cli/socket/path.ts'
import { VERSION } from '../../src/cli/version.ts'
import { cleanUp, temporaryFolder } from './mercury.ts'

let directory: string
let socket: CommandSocket
/** What the node does with a command. */
let run: (argv: readonly string[], host: Host) => Promise<number>

beforeEach(async () => {
  directory = await temporaryFolder()
  socket = await openCommandSocket(directory, async (argv, host) => run(argv, host))
})
afterEach(async () => socket.close())
afterAll(cleanUp)

const REQUEST = { type: 'run', version: VERSION, argv: ['status'], cwd: '/', stdout: { isTerminal: false, hasColours: false, columns: 80, rows: 24 }, stderr: { isTerminal: false, hasColours: false, columns: 80, rows: 24 }, stdin: { isTerminal: false } }

const dial = async (...frames: unknown[]): Promise<Socket> => {
  const client = connect(socket.path)
  await once(client, 'connect')
  client.on('error', () => undefined)
  for (const frame of frames) client.write(`${JSON.stringify(frame)}\n`)
  return client
}

const answersOf = async (client: Socket): Promise<{ type: string; status?: number; data?: string }[]> => {
  const text = Buffer.concat(await client.toArray() as Buffer[]).toString()
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { type: string })
}

describe('the socket', () => {
  test('gives a command what the process has, and its status back', async () => {
    run = async (argv, host) => {
      await host.stdout.write(`${argv.join(' ')} ${host.cwd} ${host.passphrase} ${new TextDecoder().decode(await host.stdin.read(10))} ${await host.stdin.ask('Name? ')}`)
      return 7
    }
    const client = await dial({ ...REQUEST, cwd: '/home', passphrase: 'x' }, { type: 'input', data: Buffer.from('in').toString('base64'), last: false }, { type: 'input', data: Buffer.from('put').toString('base64'), last: true }, { type: 'line', text: 'Alice' })
    const answers = await answersOf(client)
    expect(answers.map(({ type }) => type)).toEqual(['read', 'ask', 'stdout', 'exit'])
    expect(Buffer.from(answers[2]!.data!, 'base64').toString()).toBe('status /home x input Alice')
    expect(answers[3]).toEqual({ type: 'exit', status: 7 })
  })

  test('a process that goes away ends its command', async () => {
    const { promise, resolve } = Promise.withResolvers<AbortSignal>()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    run = async (_, { signal }) => {
      resolve(signal)
      await once(signal, 'abort')
      end()
      return 0
    }
    const client = await dial(REQUEST)
    expect((await promise).aborted).toBe(false)
    client.destroy()
    await ended
  })

  test('closing ends the commands under way', async () => {
    const { promise: begun, resolve } = Promise.withResolvers<void>()
    run = async (_, { signal }) => {
      resolve()
      await once(signal, 'abort')
      return 3
    }
    const client = await dial(REQUEST)
    await begun
    const [answers] = await Promise.all([answersOf(client), socket.close()])
    expect(answers).toEqual([{ type: 'exit', status: 3 }])
  })

  test('another version is told to restart, and nothing is run', async () => {
    run = async () => { throw new Error('ran') }
    const answers = await answersOf(await dial({ ...REQUEST, version: '0.0.0' }))
    expect(Buffer.from(answers[0]!.data!, 'base64').toString()).toContain('restart it')
    expect(answers[1]).toEqual({ type: 'exit', status: 1 })
  })

  test('more input than was asked for is not taken', async () => {
    const { promise: refusal, resolve } = Promise.withResolvers<unknown>()
    run = async (_, { stdin }) => {
      resolve(await stdin.read(3).catch((error: unknown) => error))
      return 1
    }
    await answersOf(await dial(REQUEST, { type: 'input', data: Buffer.from('four').toString('base64'), last: true }))
    expect(await refusal).toMatchObject({ code: 'INVALID_FRAME' })
  })

  test.each([['no JSON', 'nonsense\n'], ['another frame', '{"type":"line","text":"x"}\n'], ['null', 'null\n'], ['nothing', ''], ['a line without end', 'x'.repeat(3_000_000)]])('%s ends the connection, and the socket goes on', async (_, text) => {
    let ran = 0
    run = async () => {
      ran++
      return 0
    }
    const client = await dial()
    const closed = new Promise((resolve) => client.once('close', resolve))
    client.end(text)
    client.resume()
    await closed
    expect(ran).toBe(0)
    expect(await answersOf(await dial(REQUEST))).toEqual([{ type: 'exit', status: 0 }])
  })
})

test('a directory with a long name has its socket elsewhere, always at one place', () => {
  const long = join('/tmp', 'm'.repeat(120))
  expect(socketPath('/tmp/short')).toBe('/tmp/short/mercury.sock')
  expect(socketPath(long).length).toBeLessThan(100)
  expect(socketPath(long)).toBe(socketPath(long))
  expect(socketPath(`${long}x`)).not.toBe(socketPath(long))
})
