import { equals } from 'uint8arrays'
import { describe, expect, test } from 'vitest'
import { KEPT_VERSIONS, MAX_BACKUP_NAMES } from '../../../src/home/books/backups.ts'
import { MAX_BACKUP_BYTES } from '../../../src/hosting/home-client.ts'
import { createMemoryStore } from '../../../src/index.ts'
import { signerOf } from '../../client/world.ts'
import { keysOf, openBooks } from './open-books.ts'

const quota = 64 * 1_048_576
const bytes = (fill: number, length = 10): Uint8Array => new Uint8Array(length).fill(fill)
const over = (etag: string) => ({ is: (other: string) => other === etag })

describe('a backup', () => {
  test('is put over the version that was read, and comes back as it was', async () => {
    const { backups } = await openBooks()
    const { id } = await signerOf(2)
    const first = await backups.put(id, 'vault', bytes(1), { condition: 'none', quota })
    expect(first).toMatchObject({ version: 1, bytes: 10 })
    await expect(backups.put(id, 'vault', bytes(2), { condition: 'none', quota })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED', etag: first.etag })
    const second = await backups.put(id, 'vault', bytes(2), { condition: over(first.etag), quota })
    await expect(backups.put(id, 'vault', bytes(3), { condition: over(first.etag), quota })).rejects.toMatchObject({ etag: second.etag })
    await expect(backups.put(id, 'other', bytes(3), { condition: over(first.etag), quota })).rejects.toMatchObject({ etag: undefined })
    expect((await backups.get(id, 'vault'))!.body).toEqual(bytes(2))
    expect((await backups.get(id, 'vault', { version: 1 }))!.body).toEqual(bytes(1))
    expect(await backups.get((await signerOf(3)).id, 'vault')).toBeUndefined()
  })

  test('of the same bytes is another version, with another ETag', async () => {
    const { backups } = await openBooks()
    const { id } = await signerOf(2)
    const first = await backups.put(id, 'a', bytes(1), { condition: 'none', quota })
    const second = await backups.put(id, 'a', bytes(1), { condition: over(first.etag), quota })
    expect(second.etag).not.toBe(first.etag)
  })

  test('is overwritten by one of two devices that race, in two processes', async () => {
    const state = createMemoryStore()
    const processes = [await openBooks({ state }), await openBooks({ state })]
    const { id } = await signerOf(2)
    let { etag } = await processes[0]!.backups.put(id, 'vault', bytes(0), { condition: 'none', quota })
    for (let round = 1; round < 10; round++) {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => processes[i % 2]!.backups.put(id, 'vault', bytes(10 * round + i), { condition: over(etag), quota })))
      const [won, ...others] = outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [{ put: outcome.value, i }] : []))
      expect(others).toEqual([])
      expect((await processes[1]!.backups.get(id, 'vault'))!.body).toEqual(bytes(10 * round + won!.i))
      etag = won!.put.etag
    }
  })

  test(`keeps the last ${KEPT_VERSIONS} versions, and no body of another`, async () => {
    const { backups, usage, state } = await openBooks()
    const { id } = await signerOf(2)
    let etag = (await backups.put(id, 'vault', bytes(1, 100), { condition: 'none', quota })).etag
    for (let version = 2; version <= 6; version++) etag = (await backups.put(id, 'vault', bytes(version, 100 * version), { condition: over(etag), quota })).etag
    expect((await backups.list(id))[0]!.versions.map(({ version }) => version)).toEqual([6, 5, 4])
    expect(await backups.get(id, 'vault', { version: 3 })).toBeUndefined()
    expect((await keysOf(state)).filter((key) => key.startsWith('backup-body/'))).toHaveLength(KEPT_VERSIONS)
    expect(await usage.used(id)).toBe(600 + 500 + 400)
  })

  test(`has ${MAX_BACKUP_NAMES} names at most, also when they come at the same time`, async () => {
    const state = createMemoryStore()
    const processes = [await openBooks({ state }), await openBooks({ state })]
    const { id } = await signerOf(2)
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => processes[i % 2]!.backups.put(id, `b${i}`, bytes(i), { condition: 'none', quota })))
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(MAX_BACKUP_NAMES)
    expect(await processes[0]!.backups.list(id)).toHaveLength(MAX_BACKUP_NAMES)
  })

  test.each(['', 'A', '../x', 'a/b', 'a b', 'é', 'a'.repeat(65)])('has no name like %j', async (name) => {
    const { backups } = await openBooks()
    const { id } = await signerOf(2)
    await expect(backups.put(id, name, bytes(1), { condition: 'none', quota })).rejects.toMatchObject({ code: 'INVALID_BACKUP_NAME' })
    await expect(backups.get(id, name)).rejects.toMatchObject({ code: 'INVALID_BACKUP_NAME' })
  })

  test.each(['a', 'a'.repeat(64), 'vault-1.key_2'])('may have the name %j', async (name) => {
    const { backups } = await openBooks()
    const { id } = await signerOf(2)
    await backups.put(id, name, bytes(1), { condition: 'none', quota })
    expect((await backups.list(id)).map((backup) => backup.name)).toEqual([name])
  })

  test('is at most 4 MiB, and within the quota; it may always shrink', async () => {
    const { backups, usage } = await openBooks()
    const { id } = await signerOf(2)
    await expect(backups.put(id, 'vault', bytes(1, MAX_BACKUP_BYTES + 1), { condition: 'none', quota })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', value: MAX_BACKUP_BYTES + 1 })
    const whole = await backups.put(id, 'vault', bytes(1, MAX_BACKUP_BYTES), { condition: 'none', quota: MAX_BACKUP_BYTES })
    await expect(backups.put(id, 'vault', bytes(1, 1), { condition: over(whole.etag), quota: MAX_BACKUP_BYTES })).rejects.toMatchObject({ limit: 'quota bytes', value: MAX_BACKUP_BYTES + 1 })
    let etag = whole.etag
    for (const length of [3, 2]) ({ etag } = await backups.put(id, 'vault', bytes(1, length), { condition: over(etag), quota }))
    await backups.put(id, 'vault', bytes(1, 1), { condition: over(etag), quota: 4 })
    expect(await usage.used(id)).toBe(6)
    expect(equals((await backups.get(id, 'vault'))!.body, bytes(1, 1))).toBe(true)
  })
})
