import type { Reporter, TestModule } from 'vitest/node'
import { NOT_THERE } from './services/not-there.ts'

/** Ends a run with the suites whose server is not there, and one plain line that any CI can read. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd (modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 }
    const skipped: string[] = []
    for (const module of modules) {
      if (module.errors().length > 0) count.failed++
      for (const test of module.children.allTests()) count[test.result().state]++
      for (const suite of module.children.suites()) if (suite.name.includes(NOT_THERE)) skipped.push(suite.name)
    }
    if (skipped.length > 0) console.log(`\nskipped:\n${skipped.map((name) => `  ${name}`).join('\n')}`)
    console.log(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
  }
}
