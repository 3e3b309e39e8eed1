import { expect, it } from 'vitest'
import { crash } from './crash.ts'

it('loses nothing that was acknowledged over 200 kills', { timeout: 900_000 }, async () => {
  const reports = await Promise.all([1, 2].map((seed) => crash({ kills: 100, seed })))
  const total = reports.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  expect(reports.map(({ kills }) => kills)).toEqual([100, 100])
  expect(total).toBeGreaterThan(200)
})
