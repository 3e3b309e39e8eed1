import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openFsStore } from '../../src/adapters/fs.ts'
import { openLevelStore } from '../../src/adapters/level.ts'
import { createHashStore, createMemoryStore, type KeyValueStore, type Profiles } from '../../src/index.ts'
import { mountSmallDisk } from '../adapters/small-disk.ts'
import { openDevice, signerOf } from './world.ts'

const alice = await signerOf(1)
const MEBIBYTE = 1_048_576
const DISK_MEBIBYTES = 8

it.for<[string, (location: string) => Promise<KeyValueStore>]>([
  ['level', (location) => openLevelStore({ location })],
  ['fs', (location) => openFsStore({ location })]
])('a disk that is full ends a publish in an error; what was acknowledged before is there, and publishing goes on when there is room: %s', async ([, openAt], { skip }) => {
  const disk = await mountSmallDisk(DISK_MEBIBYTES)
  if ('reason' in disk) skip(disk.reason)
  else await publishUntilFull(disk, openAt)
})

const publishUntilFull = async (disk: { location: string; unmount(): Promise<void> }, openAt: (location: string) => Promise<KeyValueStore>): Promise<void> => {
  const location = join(disk.location, 'state')
  const filler = join(disk.location, 'filler')
  const publishing = (state: KeyValueStore) => openDevice({ state, volatile: false, blocks: createHashStore(createMemoryStore()) }).profiles
  let state = await openAt(location)
  try {
    await writeFile(filler, new Uint8Array((DISK_MEBIBYTES - 1) * MEBIBYTE))
    const profiles = publishing(state)
    const acknowledged: { id: string; sequence: bigint }[] = []
    const failure = await publishMany(profiles, acknowledged).then(() => undefined, (error: unknown) => error)
    expect(failure).toMatchObject({ code: 'STORE_FAILED' })
    expect(acknowledged.length).toBeGreaterThan(3)
    await profiles.close()
    await state.close()

    await rm(filler)
    state = await openAt(location)
    const reopened = publishing(state)
    for (const { id, sequence } of acknowledged) expect((await reopened.resolve(id, { policy: 'offline' })).sequence).toBeGreaterThanOrEqual(sequence)
    const { sequence } = await reopened.resolve(alice.id, { policy: 'offline' })
    expect((await reopened.publish({ name: 'after' }, alice)).sequence).toBe(sequence + 1n)
    await reopened.close()
  } finally {
    await state.close()
    await disk.unmount()
  }
}

/** More than the disk holds: the loop ends in the error that this rejects with. */
const publishMany = async (profiles: Profiles, acknowledged: { id: string; sequence: bigint }[]): Promise<void> => {
  for (let seed = 1; seed < 100; seed++) {
    const signer = await signerOf(seed)
    for (let version = 0; version < 3; version++) acknowledged.push(await profiles.publish({ name: `v${version}`, 'org.example.app/filler': 'x'.repeat(12_000) }, signer, { wait: 'local' }))
  }
}
