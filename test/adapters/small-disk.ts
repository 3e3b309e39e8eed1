import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Leaves the disk at `location`, of at most so many MiB, no room at all; `makeRoom` gives it back. */
export const roomOn = (location: string, mebibytes: number): { fill(): Promise<void>; makeRoom(): Promise<void> } => {
  const filler = join(location, 'filler')
  return {
    fill: () => writeFile(filler, new Uint8Array(mebibytes * 1_048_576)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOSPC') throw error
    }),
    makeRoom: () => rm(filler)
  }
}

/** A disk of so many MiB that can really be full, or the reason why there is none. Only root may mount one. */
export const mountSmallDisk = async (mebibytes: number): Promise<{ location: string; unmount(): Promise<void> } | { reason: string }> => {
  const location = await mkdtemp(join(tmpdir(), 'mercury-disk-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs', location])
  } catch (error) {
    await rm(location, { recursive: true })
    return { reason: `no small disk can be mounted: ${(error as Error).message.split('\n')[0]}` }
  }
  return {
    location,
    async unmount () {
      await run('umount', [location])
      await rm(location, { recursive: true })
    }
  }
}
