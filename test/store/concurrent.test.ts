import { expect, it } from 'vitest'
import { mapConcurrently } from '../../src/store/concurrent.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('answers in order, 8 at a time', async () => {
  let running = 0
  let most = 0
  const items = Array.from({ length: 20 }, (_, i) => i)
  const doubled = await mapConcurrently(items, async (i) => {
    most = Math.max(most, ++running)
    await tick()
    running--
    return i * 2
  })
  expect(doubled).toEqual(items.map((i) => i * 2))
  expect(most).toBe(8)
})

it('starts nothing after a failure and waits for what is under way', async () => {
  const done: number[] = []
  const working = mapConcurrently(Array.from({ length: 20 }, (_, i) => i), async (i) => {
    if (i === 1) throw new Error('failed')
    await tick()
    done.push(i)
  })
  await expect(working).rejects.toThrow('failed')
  expect(done).toEqual([0, 2, 3, 4, 5, 6, 7])
})
