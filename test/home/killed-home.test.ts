import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLevelStore } from '../../src/adapters/level.ts'
import { isHeld } from '../../src/home/books/agreement-entry.ts'
import { createHomeClient } from '../../src/hosting/home-client.ts'
import type { Agreement } from '../../src/hosting/agreement.ts'
import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import { createInvitation } from '../../src/hosting/invitation.ts'
import { createSigner, type Signer } from '../../src/index.ts'
import { signerOf } from '../client/world.ts'
import { openBooks } from './books/open-books.ts'
import { versionOf } from './running-home.ts'

const ROUNDS = 20
const JOINERS = 6
const USES = 3

let directory: string
beforeAll(async () => { directory = await mkdtemp(join(tmpdir(), 'mercury-killed-')) })
afterAll(async () => rm(directory, { recursive: true, force: true }))

/** Without connections that outlive a home. */
const transport: HomeTransport = {
  async send ({ url, method, headers, body }, { signal } = {}) {
    const response = await fetch(url, { method, headers: { ...headers, connection: 'close' }, ...(body ? { body } : {}), ...(signal ? { signal } : {}) })
    return { status: response.status, headers: Object.fromEntries(response.headers), body: new Uint8Array(await response.arrayBuffer()) }
  },
  close: async () => {}
}

const personaOf = (text: string): Promise<Signer> => createSigner(new Uint8Array(createHash('sha256').update(text).digest()))

interface Acknowledged {
  joined: Map<Signer, Agreement>
  records: Map<Signer, Uint8Array>
  backups: Map<Signer, number>
}

/** One joiner: joins, publishes, and puts backups over each other, until the home is gone. */
const pour = async (url: string, persona: Signer, voucher: string, { joined, records, backups }: Acknowledged, onDone: () => void): Promise<void> => {
  const home = (await signerOf(1)).id
  const client = createHomeClient({ transport, urls: [url], trusted: true, clock: Date.now })
  const agreement = await client.agree({ persona: persona.id, next: null, voucher }, home, persona)
  joined.set(persona, agreement)
  onDone()
  const { record } = await versionOf(persona, { seq: 1, homes: [agreement.acceptance] })
  await client.putRecord(persona.id, record)
  records.set(persona, record)
  onDone()
  let after: string | undefined
  for (let version = 1; version < 1_000; version++) {
    after = await client.putBackup('vault', new Uint8Array(100).fill(version), persona, after === undefined ? {} : { after })
    backups.set(persona, version)
    onDone()
  }
}

test(`a home that is killed ${ROUNDS} times while it is joined loses nothing that it acknowledged, and lets no voucher be used too often`, { timeout: 600_000 }, async () => {
  const location = join(directory, 'state')
  const all: Acknowledged = { joined: new Map(), records: new Map(), backups: new Map() }
  const joinersByVoucher: Signer[][] = []
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, [fileURLToPath(new URL('home-process.ts', import.meta.url)), location], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    const [url] = await once(createInterface(child.stdout), 'line') as [string]
    const voucher = await createInvitation({ expires: Math.floor(Date.now() / 1_000) + 3_600, uses: USES }, await signerOf(1))
    const personas = await Promise.all(Array.from({ length: JOINERS }, (_, i) => personaOf(`${round}/${i}`)))
    joinersByVoucher.push(personas)
    let left = 1 + (round * 7) % 23
    const onDone = (): void => { if (--left === 0) child.kill('SIGKILL') }
    await Promise.all(personas.map((persona) => pour(url, persona, voucher, all, onDone).catch(() => undefined)))
    child.kill('SIGKILL')
    await ended

    const state = await openLevelStore({ location })
    const books = await openBooks({ state, at: Date.now() })
    // The rounds before are looked at again at the end.
    const looksAt = (persona: Signer): boolean => round === ROUNDS - 1 || personas.includes(persona)
    for (const [persona, { acceptance }] of all.joined) {
      if (!looksAt(persona)) continue
      const found = await books.agreements.read(persona.id)
      expect(found?.entry.sig, `round ${round}: an agreement is lost`).toEqual(acceptance.sig)
      expect(found?.entry.since).toBe(acceptance.since)
    }
    for (const [persona, record] of all.records) {
      if (!looksAt(persona)) continue
      expect((await books.profiles.stored(persona.id))?.record, `round ${round}: a record is lost`).toEqual(record)
      expect(await books.hosting.standing(persona.id)).toBe('active')
    }
    for (const [persona, version] of all.backups) {
      if (!looksAt(persona)) continue
      const newest = (await books.backups.list(persona.id))[0]!.versions[0]!.version
      expect(newest, `round ${round}: a backup is lost`).toBeGreaterThanOrEqual(version)
      expect(newest).toBeLessThanOrEqual(version + 1)
      expect((await books.backups.get(persona.id, 'vault'))!.body).toEqual(new Uint8Array(100).fill(newest))
    }
    let held = 0
    for (const joiners of joinersByVoucher) {
      const entries = await Promise.all(joiners.map(async ({ id }) => (await books.agreements.read(id))?.entry))
      const used = entries.filter(isHeld).length
      expect(used, `round ${round}: a voucher was used too often`).toBeLessThanOrEqual(USES)
      held += used
    }
    expect(await books.agreements.count(), `round ${round}: the count is off`).toBe(held)
    await books.close()
    await books.profiles.close()
    await state.close()
  }
  expect(all.joined.size).toBeGreaterThanOrEqual(ROUNDS)
  expect(all.backups.size).toBeGreaterThan(0)
})
