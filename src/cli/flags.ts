/** One option of the command line. */
export interface Flag {
  readonly type: 'boolean' | 'string'
  /** May be given more than once. */
  readonly multiple?: true
  /** What stands for the value in help texts. */
  readonly value?: string
  readonly summary: string
  /** What completion offers for the value. */
  readonly choices?: readonly string[]
}

export type FlagTable = Readonly<Record<string, Flag>>

/** Understood by every command. */
export const GLOBAL_FLAGS = {
  directory: { type: 'string', value: 'DIR', summary: 'where everything is kept; the platform\'s data folder by default' },
  json: { type: 'boolean', summary: 'print JSON: one document, or one a line for watch and serve; errors too, on stderr' },
  offline: { type: 'boolean', summary: 'ask nobody: use what is kept here; what has to be sent stays owed' },
  config: { type: 'string', value: 'FILE', summary: 'where blocks, state and routers are; mercury.config.yaml in the directory by default' },
  router: { type: 'string', multiple: true, value: 'URL', summary: 'also publish to and ask this home or router; may be repeated' },
  listen: { type: 'string', multiple: true, value: 'MULTIADDR', summary: 'listen here instead of on loopback; /ip4/0.0.0.0/tcp/4001 to be reachable' },
  bootstrap: { type: 'string', multiple: true, value: 'MULTIADDR', summary: 'find the network through this peer instead of the public ones; may be repeated' },
  'dht-protocol': { type: 'string', value: 'NAME', summary: 'a DHT other than the public one: a network of its own, on private addresses too' },
  help: { type: 'boolean', summary: 'explain the command' }
} as const satisfies FlagTable

/** The options that were given. */
export class Flags {
  private readonly values: ReadonlyMap<string, readonly string[]>

  constructor (values: ReadonlyMap<string, readonly string[]>) {
    this.values = values
  }

  has (name: string): boolean {
    return this.values.has(name)
  }

  /** The value, the last one where there are more. */
  text (name: string): string | undefined {
    return this.values.get(name)?.at(-1)
  }

  texts (name: string): readonly string[] | undefined {
    return this.values.get(name)
  }
}
