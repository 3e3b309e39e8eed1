import { mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openFsStore } from '../../src/adapters/fs.ts'
import { utf8 } from '../../src/bytes.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { KILL_TEST_TIMEOUT_MS, expectToSurviveKills } from './crash.ts'
import { expectToSurviveAFullDisk } from './full-disk.ts'

let directory: string
let location: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mercury-fs-'))
  location = join(directory, 'store')
})
afterEach(async () => { await rm(directory, { recursive: true }) })

const withStore = async (work: (store: KeyValueStore) => Promise<void>): Promise<void> => {
  const store = await openFsStore({ location })
  try {
    await work(store)
  } finally {
    await store.close()
  }
}
const keysOf = async (store: KeyValueStore): Promise<string[]> => {
  const keys: string[] = []
  for await (const [key] of store.entries()) keys.push(key)
  return keys
}

it('keeps one plain file a key, for this user alone', async () => {
  const long = 'k'.repeat(300)
  await withStore(async (store) => {
    await store.batch([{ type: 'put', key: 'a/b', value: utf8('value') }, { type: 'put', key: long, value: utf8('long') }])
    await store.put('gone', utf8('x'))
    await store.delete('gone')
  })
  const names = (await readdir(location)).toSorted()
  expect(names).toEqual(['=a%2fb', 'lock-1', expect.stringMatching(/^~/)])
  expect(await readFile(join(location, names[0]!), 'utf8')).toBe('value')
  expect(await readFile(join(location, names[2]!), 'latin1')).toBe(`\x01\x2c${long}long`)
  expect((await stat(location)).mode & 0o777).toBe(0o700)
  for (const name of names) expect((await stat(join(location, name))).mode & 0o777).toBe(0o600)
})

it('leaves files alone that are not its own, and tells one that is damaged', async () => {
  await withStore(async (store) => store.put('a', utf8('1')))
  const others = ['.DS_Store', 'README', '=A', '=%zz', 'a']
  for (const name of others) await writeFile(join(location, name), 'x')
  await withStore(async (store) => expect(await keysOf(store)).toEqual(['a']))
  expect(await readdir(location)).toEqual(expect.arrayContaining(others))
  await writeFile(join(location, `~${'a'.repeat(52)}`), 'nonsense')
  await expect(openFsStore({ location })).rejects.toMatchObject({ code: 'STORE_FAILED' })
  await rm(join(location, `~${'a'.repeat(52)}`))
  await withStore(async (store) => expect(await keysOf(store)).toEqual(['a']))
})

it('tells that a file was removed under it instead of absence', async () => {
  await withStore(async (store) => {
    await store.put('a', utf8('1'))
    await rm(join(location, '=a'))
    await expect(store.get('a')).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await store.put('a', utf8('2'))
    expect(await store.get('a')).toEqual(utf8('2'))
  })
})

it('is locked under every name of the directory', async () => {
  await withStore(async () => {
    await symlink(location, join(directory, 'link'))
    await expect(openFsStore({ location: join(directory, 'link') })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  })
})

it('tells that it cannot open, with the cause', async () => {
  await writeFile(location, '')
  await expect(openFsStore({ location })).rejects.toMatchObject({ code: 'STORE_FAILED', cause: { code: 'EEXIST' } })
})

it('finishes at open what was noted, and can be opened again when it could not', async () => {
  await withStore(async (store) => store.batch([{ type: 'put', key: 'a', value: utf8('old') }, { type: 'put', key: 'c', value: utf8('old') }]))
  await writeFile(join(location, 'tmp-5-0'), 'new')
  await writeFile(join(location, 'journal'), '{')
  await expect(openFsStore({ location })).rejects.toMatchObject({ code: 'STORE_FAILED' })
  await writeFile(join(location, 'journal'), JSON.stringify({ renames: [['tmp-5-0', '=a']], removals: ['=c'] }))
  await withStore(async (store) => {
    expect(await store.get('a')).toEqual(utf8('new'))
    expect(await keysOf(store)).toEqual(['a'])
  })
})

it('shows a long iteration what stood there when it began', async () => {
  await withStore(async (store) => {
    const keys = Array.from({ length: 200 }, (_, i) => `key ${String(i).padStart(3, '0')}`)
    await store.batch(keys.map((key) => ({ type: 'put', key, value: utf8('old') })))
    const seen: string[] = []
    for await (const [key, value] of store.entries()) {
      expect(value, key).toEqual(utf8('old'))
      seen.push(key)
      // Ahead of the iteration and behind it, changed twice, removed, and removed and put again.
      if (seen.length % 40 !== 1) continue
      const at = seen.length
      await store.batch([...keys.slice(at, at + 30), ...keys.slice(150)].map((key) => ({ type: 'put', key, value: utf8('new') })))
      await store.delete(keys[at + 5]!)
      await store.put(keys[at + 5]!, utf8('newer'))
      await store.delete(keys[199]!)
    }
    expect(seen).toEqual(keys)
    expect(await store.get(keys[180]!)).toEqual(utf8('new'))
    expect(await store.get(keys[199]!)).toBeUndefined()
  })
})

it('loses no acknowledged batch and leaves none half there when it is killed', { timeout: KILL_TEST_TIMEOUT_MS }, async () => {
  await expectToSurviveKills('fs', location, () => openFsStore({ location }))
})

it('survives a full disk', async ({ skip }) => {
  await expectToSurviveAFullDisk((at) => openFsStore({ location: at }), skip)
})
