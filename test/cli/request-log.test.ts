import { expect, test } from 'vitest'
import { createRequestLog } from '../../src/cli/request-log.ts'

test('lines go out together, in order, and the last ones before it is closed', async () => {
  const written: string[] = []
  const log = createRequestLog({ write: async (data) => void written.push(data as string) })
  for (let i = 0; i < 1_000; i++) log.write(`line ${i}`)
  expect(written).toEqual([])
  await log.close()
  expect(written.join('')).toBe(Array.from({ length: 1_000 }, (_, i) => `line ${i}\n`).join(''))
  expect(written).toHaveLength(1)
})

test('a reader that takes nothing costs a bounded amount, and is told what it missed', async () => {
  let take = (): void => undefined
  const written: string[] = []
  const log = createRequestLog({
    write: async (data) => {
      await new Promise<void>((resolve) => { take = resolve })
      written.push(data as string)
    }
  })
  const line = 'x'.repeat(1_024)
  for (let i = 0; i < 3_000; i++) log.write(line)
  const closed = log.close()
  while (written.length === 0) {
    take()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await closed
  expect(written.join('').length).toBeLessThan(1_048_576 + 4_096)
  expect(written.at(-1)!.trim().split('\n').at(-1)).toBe(JSON.stringify({ dropped: 3_000 - 1_024 }))
})

test('a reader that has gone is nobody\'s trouble', async () => {
  const log = createRequestLog({ write: async () => { throw new Error('gone') } })
  log.write('line')
  await log.close()
})
