import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

describe('bytes made to exhaust their reader', () => {
  it('are all refused, within memory that does not depend on what they announce', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('./bombs.ts', import.meta.url))])
    const { grownMib, letIn, polluted } = JSON.parse(stdout) as { grownMib: number; letIn: string[]; polluted: boolean }
    expect(letIn).toEqual([])
    expect(polluted).toBe(false)
    // 22 bombs, 200 times each: what is left is the room that the garbage collector takes. The smallest announcement is 4 GiB.
    expect(grownMib).toBeLessThan(128)
  })
})
