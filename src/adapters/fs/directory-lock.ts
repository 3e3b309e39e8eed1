import { randomUUID } from 'node:crypto'
import { link, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreLockedError } from '../../errors.ts'

const LOCK = /^lock-(\d{1,15})$/
const ATTEMPTS = 16

/**
 * Takes a directory for this process; the lock of a process that no longer runs counts for nothing.
 *
 * Locks are numbered and only the highest counts. Whoever finds it without a living holder makes the next one, which the file system lets only one do.
 * A lock is removed only by the holder of a higher one, so that a late comer can never mistake a gap for a free directory.
 * It knows the processes of one machine and, in containers, of one process namespace.
 *
 * @returns what gives it back
 * @throws StoreLockedError
 */
export const lockDirectory = async (location: string): Promise<() => Promise<void>> => {
  const draft = join(location, `lock-new-${randomUUID()}`)
  // A lock appears together with its holder, by a link.
  await writeFile(draft, await describe(process.pid), { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const number = await takeNext(location, draft)
      if (number === undefined) continue
      await removeDeadLocks(location, number)
      return () => writeFile(join(location, `lock-${number}`), FREE)
    }
    throw new StoreLockedError(location)
  } finally {
    await rm(draft, { force: true })
  }
}

/** The number of the lock that is ours now; `undefined` when somebody was faster. */
const takeNext = async (location: string, draft: string): Promise<number | undefined> => {
  const highest = await highestLock(location)
  if (highest > 0 && (await isHeld(join(location, `lock-${highest}`)))) throw new StoreLockedError(location)
  const number = highest + 1
  try {
    await link(draft, join(location, `lock-${number}`))
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined
    throw error
  }
  if ((await highestLock(location)) === number) return number
  await rm(join(location, `lock-${number}`))
  return undefined
}

/** 0 when there is none. */
const highestLock = async (location: string): Promise<number> =>
  (await readdir(location)).reduce((highest, name) => Math.max(highest, Number(LOCK.exec(name)?.[1] ?? 0)), 0)

const removeDeadLocks = async (location: string, number: number): Promise<void> => {
  for (const name of await readdir(location)) {
    if (!name.startsWith('lock-') || name === `lock-${number}`) continue
    if (!(await isHeld(join(location, name)))) await rm(join(location, name), { force: true })
  }
}

const FREE = ''

const isHeld = async (lock: string): Promise<boolean> => {
  let holder: string
  try {
    holder = await readFile(lock, 'utf8')
  } catch (error) {
    // Gone, because a higher one was taken: the next attempt sees that one.
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  const pid = Number(holder.split(' ')[0])
  return pid > 0 && isRunning(pid) && holder === await describe(pid)
}

/** The process ID and, where the system tells it, when the process started: an ID is soon used again. */
const describe = async (pid: number): Promise<string> => `${pid} ${await startTimeOf(pid)}`

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** Linux: fields 3 and 22 of `/proc/<pid>/stat`, the start in clock ticks since boot. One that was killed and waits for its parent to notice runs no more. */
const startTimeOf = async (pid: number): Promise<string> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : fields[19] ?? ''
  } catch {
    // Another system, or the process has just ended: then the process ID has to do.
    return ''
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code
