import { expect, it } from 'vitest'
import { runPrintedExample } from '../printed-example.ts'

it('runs the example of docs/vcard.md as it is printed there, and it prints what its comments say', async () => {
  const { printed, promised } = await runPrintedExample('docs/vcard.md')
  expect(promised.length).toBeGreaterThan(0)
  expect(printed).toEqual(promised)
})
