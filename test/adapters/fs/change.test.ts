import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { applyChange, finishChange, noteChange } from '../../../src/adapters/fs/change.ts'

let location: string
beforeEach(async () => { location = await mkdtemp(join(tmpdir(), 'mercury-change-')) })
afterEach(async () => { await rm(location, { recursive: true }) })

const write = async (files: Record<string, string>): Promise<void> => {
  for (const [name, content] of Object.entries(files)) await writeFile(join(location, name), content)
}
const files = async (): Promise<Record<string, string>> =>
  Object.fromEntries(await Promise.all((await readdir(location)).map(async (name) => [name, await readFile(join(location, name), 'utf8')])))

const change = { renames: [['tmp-1', '=a'], ['tmp-2', '=b']], removals: ['=c'] } as const

it('puts names in place and leaves no note', async () => {
  await write({ 'tmp-1': 'new a', 'tmp-2': 'new b', '=a': 'old a', '=c': 'old c', '=d': 'd' })
  await noteChange(location, change)
  await applyChange(location, change)
  expect(await files()).toEqual({ '=a': 'new a', '=b': 'new b', '=d': 'd' })
})

it.each<[string, Record<string, string>]>([
  ['nothing was done', { 'tmp-1': 'new a', 'tmp-2': 'new b', '=a': 'old a', '=c': 'old c' }],
  ['one name was in place', { 'tmp-2': 'new b', '=a': 'new a', '=c': 'old c' }],
  ['all names were in place', { '=a': 'new a', '=b': 'new b', '=c': 'old c' }],
  ['all was done but the note removed', { '=a': 'new a', '=b': 'new b' }]
])('finishes a noted change after which %s', async (_, left) => {
  await write({ ...left, journal: JSON.stringify(change), 'tmp-9': 'never noted' })
  await finishChange(location, await readdir(location))
  expect(await files()).toEqual({ '=a': 'new a', '=b': 'new b' })
})

it('gives up a change that was not noted', async () => {
  await write({ 'tmp-1': 'new a', 'tmp-journal': JSON.stringify(change), '=a': 'old a' })
  await finishChange(location, await readdir(location))
  expect(await files()).toEqual({ '=a': 'old a' })
})

it.each(['', '{', '{}', 'null', '{"renames":[["../x","=a"]],"removals":[]}', '{"renames":[],"removals":["a/b"]}', '{"renames":[],"removals":[1]}'])('tells a damaged note: %s', async (journal) => {
  await write({ journal, '=a': 'a' })
  await expect(finishChange(location, await readdir(location))).rejects.toMatchObject({ code: 'STORE_FAILED' })
  expect(await files()).toEqual({ journal, '=a': 'a' })
})
