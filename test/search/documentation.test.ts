import { expect, it } from 'vitest'
import { runPrintedExample } from '../printed-example.ts'

it('runs the example of docs/search.md as it is printed there, and it prints what its comments say', async () => {
  const { printed, promised } = await runPrintedExample('docs/search.md')
  expect(promised.length).toBeGreaterThan(0)
  expect(printed).toEqual(promised)
})
