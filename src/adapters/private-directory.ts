import { mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Makes `location`, and what is missing above it, for this user alone (0700), and so that a power cut does not take it away. */
export const makePrivateDirectory = async (location: string): Promise<void> => {
  const deepest = resolve(location)
  const first = await mkdir(deepest, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = deepest; ; made = dirname(made)) {
    await syncDirectory(dirname(made))
    if (made === first || made === dirname(made)) return
  }
}

/** Makes the names in a directory durable: what was created, renamed and removed there. */
export const syncDirectory = async (location: string): Promise<void> => {
  // Windows cannot open directories and writes their changes down in order by itself.
  if (process.platform === 'win32') return
  const handle = await open(location, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
