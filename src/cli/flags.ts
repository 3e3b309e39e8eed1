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
