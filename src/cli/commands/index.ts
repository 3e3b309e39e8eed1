import type { Command } from '../command.ts'
import type { Host } from '../host.ts'
import { createCompletion } from './completion.ts'
import { copy } from './copy.ts'
import { exportCommand } from './export.ts'
import { createHelp } from './help.ts'
import { home } from './home.ts'
import { importCommand } from './import.ts'
import { init } from './init.ts'
import { join } from './join.ts'
import { leave } from './leave.ts'
import { move } from './move.ts'
import { persona } from './persona.ts'
import { publish } from './publish.ts'
import { remove } from './remove.ts'
import { resolve } from './resolve.ts'
import { searchIndex } from './search-index.ts'
import { search } from './search.ts'
import { createServe } from './serve.ts'
import { status } from './status.ts'
import { verify } from './verify.ts'
import { watch } from './watch.ts'

/**
 * Every command, in the order of the help.
 *
 * @param runCommandLine for the commands that other processes send to `serve`
 */
export const createCommands = (runCommandLine: (argv: readonly string[], host: Host) => Promise<number>): readonly Command[] => {
  const commands: Command[] = [
    init, persona, publish, resolve, search, searchIndex, watch, remove, createServe(runCommandLine), join, move, leave, home, exportCommand, importCommand, copy, verify, status,
    createHelp(() => commands), createCompletion(() => commands)
  ]
  return commands
}
