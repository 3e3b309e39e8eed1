import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { StoreLockedError } from '../errors.ts'
import { SECOND_MS } from '../limits.ts'
import { explain } from './advice.ts'
import { parseArguments, type Arguments } from './arguments.ts'
import { createCommands } from './commands/index.ts'
import { defaultDirectory } from './default-directory.ts'
import { forward } from './socket/forward.ts'
import { tellHelp } from './help-text.ts'
import type { Host } from './host.ts'
import { MisuseError } from './misuse.ts'
import { Output } from './output.ts'
import { InterruptedError } from './read-line.ts'
import { Session } from './session.ts'

export const DONE = 0
export const FAILED = 1
export const MISUSED = 2
/** By the shells' convention: ended by an interrupt. */
export const INTERRUPTED = 130

/**
 * Runs one command line to its end, inside the node that runs on its directory if one does.
 *
 * @returns the exit status; never rejects
 */
export const runCommandLine = async (argv: readonly string[], host: Host): Promise<number> => {
  const output = new Output(host, { json: argv.includes('--json') })
  try {
    const args = parseArguments(argv, commands)
    if (args.flags.has('help')) {
      await tellHelp(commands, args.command, output)
      return DONE
    }
    return await run(args, argv, host, output)
  } catch (error) {
    return fail(error, host, output)
  }
}

const commands = createCommands(runCommandLine)

const run = async (args: Arguments, argv: readonly string[], host: Host, output: Output): Promise<number> => {
  const { command, flags } = args
  if (!command) throw new MisuseError('say what to do, as in mercury publish alice.yaml; mercury help lists the commands')
  const session = new Session(args, { host, output, directory: host.node?.directory ?? resolve(host.cwd, flags.text('directory') ?? defaultDirectory()) })
  const mayForward = command.place === 'directory' && !host.node
  const status = mayForward ? await forward(argv, host, session.directory) : undefined
  if (status !== undefined) return status
  try {
    await command.run(session)
    await session.sendOwed()
  } catch (error) {
    const late = mayForward && error instanceof StoreLockedError ? await forwardSoon(argv, host, session.directory) : undefined
    if (late === undefined) throw error
    return late
  } finally {
    await session.close()
  }
  await output.clear()
  return DONE
}

/** Who has the directory may be a node that is starting and takes commands in a moment: it answers over HTTP before that. */
const forwardSoon = async (argv: readonly string[], host: Host, directory: string): Promise<number | undefined> => {
  for (let waited = 0; waited < STARTING_MS; waited += POLL_MS) {
    await delay(POLL_MS, undefined, { signal: host.signal })
    const status = await forward(argv, host, directory)
    if (status !== undefined) return status
  }
  return undefined
}

/** How long a node may take to start, once it has its directory. */
const STARTING_MS = 5 * SECOND_MS
const POLL_MS = 100

const fail = async (error: unknown, host: Host, output: Output): Promise<number> => {
  if (host.signal.aborted || error instanceof InterruptedError) {
    await output.clear()
    return INTERRUPTED
  }
  await output.fail(explain(error))
  return error instanceof MisuseError ? MISUSED : FAILED
}
