import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

describe('bytes made to exhaust their reader', () => {
  it('are all refused, within memory that does not depend on what they announce', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', fileURLToPath(new URL('./bombs.ts', import.meta.url))])
    const { hungriest, letIn, polluted } = JSON.parse(stdout) as { hungriest: { name: string; bytes: number }; letIn: string[]; polluted: boolean }
    expect(letIn).toEqual([])
    expect(polluted).toBe(false)
    expect(hungriest.name).not.toBe('')
    // The smallest announcement is 4 GiB; an honest document of 65,536 bytes takes about 1 MiB.
    expect(hungriest.bytes).toBeLessThan(8 * 1_048_576)
  })
})
