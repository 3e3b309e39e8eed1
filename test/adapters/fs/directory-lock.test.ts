import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { lockDirectory } from '../../../src/adapters/fs/directory-lock.ts'

/** What another process does just before our link. */
const meanwhile = vi.hoisted(() => ({ act: async (): Promise<void> => undefined }))

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>()
  const link: typeof real.link = async (...args) => { await meanwhile.act(); await real.link(...args) }
  return { ...real, link }
})

let location: string
beforeEach(async () => { location = await mkdtemp(join(tmpdir(), 'mercury-lock-')) })
afterEach(async () => { await rm(location, { recursive: true }) })

const locked = { code: 'STORE_LOCKED' }
const module = new URL('../../../src/adapters/fs/directory-lock.ts', import.meta.url).href
const run = (script: string) => spawn(process.execPath, ['--input-type=module', '-e', `const { lockDirectory } = await import(${JSON.stringify(module)}); const location = ${JSON.stringify(location)}; ${script}`], { stdio: ['pipe', 'pipe', 'inherit'] })

it('lets one holder in at a time, again and again, and leaves one file', async () => {
  for (let round = 0; round < 5; round++) {
    const unlock = await lockDirectory(location)
    await expect(lockDirectory(location)).rejects.toMatchObject(locked)
    await unlock()
    expect(await readdir(location)).toHaveLength(1)
  }
})

it('lets one of many in that come at once', async () => {
  for (let round = 0; round < 20; round++) {
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => lockDirectory(location)))
    const unlocks = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value)
    expect(unlocks).toHaveLength(1)
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(locked)
    await unlocks[0]!()
  }
})

it('lets one of many processes in that find the lock of a dead one at once', async () => {
  await writeFile(join(location, 'lock-7'), '999999999 1')
  const children = Array.from({ length: 6 }, () => run("console.log('ready'); process.stdin.once('data', () => lockDirectory(location).then(() => console.log('held'), (error) => console.log(error.code)))"))
  const lines = children.map(({ stdout }) => createInterface(stdout)[Symbol.asyncIterator]())
  const nextLines = async (): Promise<(string | undefined)[]> => (await Promise.all(lines.map((iterator) => iterator.next()))).map(({ value }) => value)
  // All have started before any is let go, and none ends before all have answered.
  expect(await nextLines()).toEqual(children.map(() => 'ready'))
  for (const { stdin } of children) stdin.write('go')
  const answers = await nextLines()
  expect(answers.filter((answer) => answer === 'held')).toHaveLength(1)
  expect(answers.filter((answer) => answer === 'STORE_LOCKED')).toHaveLength(children.length - 1)
  for (const child of children) child.kill()
})

it('gives way when others took and gave back the lock that it was about to take', async () => {
  const mine = await lockDirectory(location)
  const holder = await readFile(join(location, 'lock-1'), 'utf8')
  await mine()
  // We saw number 1 free and are about to take 2. Meanwhile somebody took 2 and gave it back, and somebody else, who runs, took 3 and cleared away.
  meanwhile.act = async () => {
    meanwhile.act = async () => undefined
    await rm(join(location, 'lock-1'))
    await writeFile(join(location, 'lock-3'), holder)
  }
  await expect(lockDirectory(location)).rejects.toMatchObject(locked)
  expect(await readdir(location)).toEqual(['lock-3'])
})

it('respects another process until it is killed', async () => {
  const child = run("await lockDirectory(location); console.log('held'); setInterval(() => {}, 1000)")
  await once(child.stdout, 'data')
  await expect(lockDirectory(location)).rejects.toMatchObject(locked)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await (await lockDirectory(location))()
})

it.skipIf(process.platform !== 'linux')('does not count a process that was killed and that nobody has noticed yet', async () => {
  // A shell that is stopped does not take notice of its child.
  const shell = spawn('sh', ['-c', 'sleep 60 & echo $!; kill -STOP $$'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = Number(String((await once(shell.stdout, 'data'))[0]))
  const startTime = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')[19]
  await writeFile(join(location, 'lock-1'), `${pid} ${startTime}`)
  await expect(lockDirectory(location)).rejects.toMatchObject(locked)
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(async () => expect(await readFile(`/proc/${pid}/stat`, 'utf8')).toContain(') Z '), 10_000)
  await (await lockDirectory(location))()
  shell.kill('SIGKILL')
})

it.each([
  ['a process that no longer runs', '999999999 1'],
  ['a process whose ID was given to another', `${process.ppid} 1`],
  ['a process with our ID before a restart, as in a container', `${process.pid} 1`],
  ['a holder that gave it back', ''],
  ['nobody', 'nonsense']
])('does not count the lock of %s', async (_, holder) => {
  await writeFile(join(location, 'lock-41'), holder)
  const unlock = await lockDirectory(location)
  expect(await readdir(location)).toEqual(['lock-42'])
  expect(await readFile(join(location, 'lock-42'), 'utf8')).toMatch(new RegExp(`^${process.pid} `))
  await unlock()
})
