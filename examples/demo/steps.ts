/** Runs the steps of a demonstration, prints for each what a user would type and how long it took, and remembers whether all held. */
export class Steps {
  private number = 0
  private failures = 0

  /** @param commands what a user would type @param work throws when the step does not hold; returns lines to print */
  async step (title: string, commands: readonly string[], work: () => Promise<readonly string[]>): Promise<void> {
    console.log(`\n${++this.number}. ${title}`)
    for (const command of commands) console.log(`   $ ${command}`)
    const started = performance.now()
    try {
      const lines = await work()
      for (const line of lines) console.log(`     ${line}`)
      console.log(`   held, ${formatMs(performance.now() - started)}`)
    } catch (error) {
      this.failures++
      console.log(`   DID NOT HOLD, ${formatMs(performance.now() - started)}: ${(error as Error).message}`)
      throw error
    }
  }

  /** The exit status. */
  end (): number {
    console.log(this.failures === 0 ? `\nAll ${this.number} steps held.` : '\nA step did not hold.')
    return this.failures === 0 ? 0 : 1
  }
}

/** Throws unless `holds`. */
export function check (holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

export const formatMs = (ms: number): string => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)
