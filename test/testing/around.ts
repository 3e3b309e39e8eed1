/** @param call does what was called, with another signal where one is given and without any by default */
export type Around = (call: (signal?: AbortSignal) => Promise<unknown>, signal: AbortSignal | undefined) => Promise<unknown>

interface Calls<Subject> {
  /** Those that answer with an iterable. What it gives is collected first. */
  readonly iterating?: readonly (keyof Subject)[]
  /** @default all but `close` */
  readonly only?: readonly (keyof Subject)[]
}

/** `subject`, whose calls are done by `run`. */
export const around = <Subject extends object>(subject: Subject, run: Around, { iterating = [], only }: Calls<Subject> = {}): Subject => {
  const changed = (name: keyof Subject, member: (...given: unknown[]) => unknown) => {
    const isIterating = iterating.includes(name)
    const attempt = (given: unknown[]): Promise<unknown> => run(async (signal) => {
      const answer = member(...given.map((argument) => (isOptions(argument) ? { ...argument, signal } : argument)))
      return isIterating ? Array.fromAsync(answer as AsyncIterable<unknown>) : answer
    }, given.find(isOptions)?.signal)
    if (!isIterating) return (...given: unknown[]) => attempt(given)
    return async function * (...given: unknown[]) {
      yield * await attempt(given) as unknown[]
    }
  }
  const members = Object.entries(subject).map(([name, member]): [string, unknown] => {
    const isChanged = typeof member === 'function' && name !== 'close' && (only?.includes(name as keyof Subject) ?? true)
    return [name, isChanged ? changed(name as keyof Subject, member as (...given: unknown[]) => unknown) : member]
  })
  return Object.fromEntries(members) as Subject
}

const isOptions = (argument: unknown): argument is { signal?: AbortSignal } => typeof argument === 'object' && argument !== null && 'signal' in argument
