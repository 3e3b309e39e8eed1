import { SECOND_MS } from '../../limits.ts'

/** Whether one more may be taken now: a second's worth at once, and so many a second. */
export const createAllowance = (perSecond: number, now: () => number = () => performance.now()): (() => boolean) => {
  let left = perSecond
  let last = now()
  return () => {
    const passed = now() - last
    last += passed
    left = Math.min(perSecond, left + passed / SECOND_MS * perSecond)
    if (left < 1) return false
    left--
    return true
  }
}
