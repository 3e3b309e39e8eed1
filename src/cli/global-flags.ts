import type { FlagTable } from './flags.ts'
import { flagOf } from './settings/flags.ts'
import { SETTINGS } from './settings/table.ts'

/** Understood by every command. */
export const GLOBAL_FLAGS = {
  directory: { type: 'string', value: 'DIR', summary: 'where everything is kept; MERCURY_DIRECTORY or the platform\'s data folder by default' },
  json: { type: 'boolean', summary: 'print JSON: one document, or one a line for watch and serve; errors too, on stderr' },
  offline: { type: 'boolean', summary: 'ask nobody: use what is kept here; what has to be sent stays owed' },
  config: { type: 'string', value: 'FILE', summary: 'where blocks, state and routers are; mercury.config.yaml in the directory by default' },
  router: flagOf(SETTINGS.homes),
  listen: flagOf(SETTINGS.listen),
  bootstrap: flagOf(SETTINGS.bootstrap),
  'dht-protocol': flagOf(SETTINGS.dhtProtocol),
  help: { type: 'boolean', summary: 'explain the command' }
} as const satisfies FlagTable
