import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openLevelStore } from '../../src/adapters/level.ts'
import { utf8 } from '../../src/bytes.ts'
import { StoreError } from '../../src/errors.ts'
import { createGroupCommit } from '../../src/store/group-commit.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { KILL_TEST_TIMEOUT_MS, expectToSurviveKills } from './crash.ts'
import { expectToSurviveAFullDisk } from './full-disk.ts'

let directory: string
beforeEach(async () => { directory = await mkdtemp(join(tmpdir(), 'mercury-level-')) })
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(directory, { recursive: true })
})

const adapter = new URL('../../src/adapters/level.ts', import.meta.url).href
const withStore = async (work: (store: KeyValueStore) => Promise<void>, location = join(directory, 'store')): Promise<void> => {
  const store = await openLevelStore({ location })
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

it('writes synced, once for each write alone and once for each group', async () => {
  const batch = vi.spyOn(ClassicLevel.prototype, 'batch')
  const [put, del] = [vi.spyOn(ClassicLevel.prototype, 'put'), vi.spyOn(ClassicLevel.prototype, 'del')]
  await withStore(async (store) => {
    await store.put('a', utf8('1'))
    await store.delete('a')
    await store.batch([{ type: 'put', key: 'a', value: utf8('1') }, { type: 'put', key: 'b', value: utf8('2') }])
    await store.batch([{ type: 'check', key: 'a', value: utf8('1') }])
    await store.batch([])
    expect(batch).toHaveBeenCalledTimes(3)
    const group = createGroupCommit(store)
    await Promise.all(Array.from({ length: 500 }, (_, i) => group.put(`${i}`, utf8('v'))))
    expect(batch).toHaveBeenCalledTimes(5)
  })
  for (const [, options] of batch.mock.calls as unknown[][]) expect(options).toEqual({ sync: true })
  expect(put).not.toHaveBeenCalled()
  expect(del).not.toHaveBeenCalled()
})

it('iterates over more than one chunk, both ways', async () => {
  await withStore(async (store) => {
    const keys = Array.from({ length: 2_500 }, (_, i) => `key ${String(i).padStart(5, '0')}`)
    await store.batch(keys.map((key) => ({ type: 'put', key, value: utf8(key.repeat(10)) })))
    for (const reverse of [false, true]) {
      const found: string[] = []
      for await (const [, value] of store.entries({ reverse })) {
        found.push(new TextDecoder().decode(value))
      }
      expect(found).toEqual((reverse ? keys.toReversed() : keys).map((key) => key.repeat(10)))
    }
  })
})

it('is closed to others, in this process, by another name, and in another process', async () => {
  const location = join(directory, 'store')
  await withStore(async () => {
    await expect(openLevelStore({ location })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    await symlink(location, join(directory, 'link'))
    await expect(openLevelStore({ location: join(directory, 'link') })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    const script = `const { openLevelStore } = await import(${JSON.stringify(adapter)}); await openLevelStore({ location: ${JSON.stringify(location)} }).catch((error) => console.log(error.code))`
    expect((await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])).stdout).toBe('STORE_LOCKED\n')
  })
})

it('can be opened when the process that held it was killed', async () => {
  const location = join(directory, 'store')
  const script = `const { openLevelStore } = await import(${JSON.stringify(adapter)}); await openLevelStore({ location: ${JSON.stringify(location)} }); console.log('open'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  await expect(openLevelStore({ location })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await withStore(async (store) => store.put('a', utf8('1')))
})

it('makes its directory for this user alone', async () => {
  await withStore(async () => undefined, join(directory, 'deep', 'er'))
  for (const made of ['deep', 'deep/er']) expect((await stat(join(directory, made))).mode & 0o777).toBe(0o700)
})

it('tells that it cannot open, with the cause', async () => {
  await writeFile(join(directory, 'file'), '')
  await expect(openLevelStore({ location: join(directory, 'file') })).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: 'EEXIST' } })
  await withStore(async (store) => store.put('a', utf8('1')))
  await writeFile(join(directory, 'store', 'CURRENT'), 'nonsense')
  await expect(openLevelStore({ location: join(directory, 'store') })).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: 'LEVEL_DATABASE_NOT_OPEN' } })
})

it('tells an error of LevelDB with its cause, and then only reads until it is opened again', async () => {
  await withStore(async (store) => {
    await store.put('a', utf8('1'))
    const cause = Object.assign(new Error('IO error'), { code: 'LEVEL_IO_ERROR' })
    vi.spyOn(ClassicLevel.prototype, 'batch').mockRejectedValueOnce(cause as never)
    await expect(store.put('b', utf8('2'))).rejects.toMatchObject({ code: 'STORE_FAILED', cause })
    const refused = await store.put('c', utf8('3')).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(StoreError)
    expect(await store.get('a')).toEqual(utf8('1'))
    await store.batch([{ type: 'check', key: 'a', value: utf8('1') }])
    vi.spyOn(ClassicLevel.prototype, 'getMany').mockRejectedValueOnce(cause as never)
    await expect(store.get('a')).rejects.toMatchObject({ code: 'STORE_FAILED', cause })
  })
  await withStore(async (store) => store.put('c', utf8('3')))
})

it('names the package that is missing', async () => {
  const hooks = 'import { registerHooks } from "node:module"; registerHooks({ resolve: (name, context, next) => next(name === "classic-level" ? "not-installed" : name, context) })'
  const script = `const { openLevelStore } = await import(${JSON.stringify(adapter)}); await openLevelStore({ location: 'unused' }).catch((error) => console.log(error.code, error.message))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(hooks)}`, '--input-type=module', '-e', script])
  expect(stdout).toMatch(/^MISSING_DEPENDENCY .*npm install classic-level@3\.0\.0\n$/)
})

it('loses no acknowledged batch and leaves none half there when it is killed', { timeout: KILL_TEST_TIMEOUT_MS }, async () => {
  const location = join(directory, 'store')
  await expectToSurviveKills('level', location, () => openLevelStore({ location }))
})

it('survives a full disk', async ({ skip }) => {
  await expectToSurviveAFullDisk((location) => openLevelStore({ location }), skip)
})
