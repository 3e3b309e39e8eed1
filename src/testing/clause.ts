/** One subject of a contract suite: `open` may be called again, after `close()` and while it is open; it opens the same data. */
export interface Setup<Subject> {
  open(): Promise<Subject>
  /** Removes what the subject kept; everything opened is closed by then. */
  destroy?(): Promise<void>
}

/** Makes a fresh, empty subject for every clause. */
export interface Factory<Subject, S extends Setup<Subject> = Setup<Subject>> {
  create(): Promise<S>
}

/** One sentence of an interface's prose and the test that asserts it. Needs no test runner, so it runs in a browser's page too. */
export interface Clause<Subject, S extends Setup<Subject> = Setup<Subject>> {
  readonly name: string
  /** Throws when the subject breaks the clause. What `setup.open` opens is closed afterwards by {@link runClause}. */
  run(setup: S): Promise<void>
}

/** Runs one clause on a fresh subject and cleans up after it. @throws whatever the clause, `close` or `destroy` throws first */
export const runClause = async <Subject extends { close(): Promise<void> }, S extends Setup<Subject>>(clause: Clause<Subject, S>, factory: Factory<Subject, S>): Promise<void> => {
  const setup = await factory.create()
  const opened: Subject[] = []
  const open = async (): Promise<Subject> => {
    const subject = await setup.open()
    opened.push(subject)
    return subject
  }
  const steps = [() => clause.run({ ...setup, open }), async () => { for (const subject of opened) await subject.close() }, async () => setup.destroy?.()]
  const failures: unknown[] = []
  for (const step of steps) await step().catch((error: unknown) => failures.push(error))
  // What fails while cleaning up after a broken clause follows from it, so only the first is told.
  if (failures.length > 0) throw failures[0]
}
