import { expect, it } from 'vitest'
import { createLock } from '../../src/store/lock.ts'

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('runs one at a time on a key, in order, whatever becomes of those before, and others meanwhile', async () => {
  const lock = createLock()
  const steps: string[] = []
  const work = (name: string, fails = false) => async (): Promise<string> => {
    steps.push(`${name}+`)
    await tick()
    steps.push(`${name}-`)
    if (fails) throw new Error(name)
    return name
  }
  const outcomes = await Promise.allSettled([lock('a', work('a1', true)), lock('a', work('a2')), lock('b', work('b')), lock('a', work('a3'))])
  expect(outcomes).toMatchObject([{ reason: { message: 'a1' } }, { value: 'a2' }, { value: 'b' }, { value: 'a3' }])
  expect(steps.filter((step) => step.startsWith('a'))).toEqual(['a1+', 'a1-', 'a2+', 'a2-', 'a3+', 'a3-'])
  expect(steps.indexOf('b+')).toBeLessThan(steps.indexOf('a1-'))
})
