import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createHomeClient, type HomeClient } from '../../src/hosting/home-client.ts'
import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import { createPledge } from '../../src/identity/pledge.ts'
import { createSigner, generateSeedPhrase, openSeed, validateRecord, type HomeEntry, type ProfileId, type Signer } from '../../src/index.ts'
import { openBalancer, type Balancer } from '../balancer.ts'
import { openPostgresService, type PostgresService } from '../services/postgres.ts'
import { openS3Service, type S3Service } from '../services/s3.ts'
import { describeWithService, freePort } from '../services/service.ts'
import { requestOf, versionOf } from './running-home.ts'

const PERSONAS = 12
/** Versions that each persona publishes; one process is killed after a third of them all. */
const VERSIONS = 12

/** A connection of its own for each request, and a second try where the first one came to nothing: as any HTTP client behind a balancer. */
const transport: HomeTransport = {
  async send ({ url, method, headers, body }, { signal } = {}) {
    const send = (): Promise<Response> => fetch(url, { method, headers: { ...headers, connection: 'close' }, ...(body ? { body } : {}), ...(signal ? { signal } : {}) })
    const receive = async (response: Response) => ({ status: response.status, headers: Object.fromEntries(response.headers), body: new Uint8Array(await response.arrayBuffer()) })
    try {
      return await receive(await send())
    } catch {
      retried++
      // Until the kernel has put a killed process away it goes on taking connections.
      await killed
      return receive(await send())
    }
  },
  close: async () => {}
}
let retried = 0
/** Resolves when the process that was killed has ended. */
let killed: Promise<unknown> | undefined

describeWithService('S3', 'a home of two processes', () => describeWithService('PostgreSQL', 'over one PostgreSQL and one S3', () => {
  let directory: string
  let postgres: PostgresService
  let s3: S3Service
  let balancer: Balancer
  let ports: number[]
  let home: ProfileId
  let client: HomeClient
  const children: ChildProcess[] = []

  const startProcess = async (index: number): Promise<ChildProcess> => {
    const [state, blocks] = [`postgres://${postgres.user}@127.0.0.1:${postgres.port}/postgres`, `s3://home?endpoint=${s3.endpoint}&style=path`]
    const program = fileURLToPath(new URL('shared-home-process.ts', import.meta.url))
    const child = spawn(process.execPath, [program, join(directory, String(index)), String(ports[index]), state, blocks, `http://127.0.0.1:${balancer.port}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, PGPASSWORD: postgres.password, AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey }
    })
    children.push(child)
    const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]) as [unknown]
    expect(String(said)).toContain('listening')
    return child
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mercury-many-'))
    ;[postgres, s3] = await Promise.all([openPostgresService(), openS3Service()])
    await s3.createBucket('home')
    ports = [await freePort(), await freePort()]
    balancer = await openBalancer(ports)
    const words = generateSeedPhrase()
    home = (await (await openSeed(words)).persona(0)).id
    for (const index of [0, 1]) {
      await mkdir(join(directory, String(index)), { mode: 0o700 })
      await writeFile(join(directory, String(index), 'home-words'), words, { mode: 0o600 })
    }
    await Promise.all([startProcess(0), startProcess(1)])
    client = createHomeClient({ transport, urls: [`http://127.0.0.1:${balancer.port}/`], trusted: true, clock: Date.now })
  }, 120_000)

  afterAll(async () => {
    for (const child of children) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    }
    await balancer?.close()
    await Promise.all([postgres?.close(), s3?.close()])
    await rm(directory, { recursive: true, force: true })
  })

  it('answers through a balancer while one of them is killed: nothing acknowledged is lost, and no request fails that is tried again', { timeout: 300_000 }, async () => {
    const acknowledged = new Map<Signer, { record: Uint8Array; sequence: bigint; acceptance: HomeEntry }>()
    let versions = 0
    const publish = async (): Promise<void> => {
      const persona = await createSigner(new Uint8Array(randomBytes(32)))
      const { acceptance } = await client.agree(requestOf(persona), home, persona)
      for (let seq = 1; seq <= VERSIONS; seq++) {
        const { record } = await versionOf(persona, { seq, homes: [acceptance], name: `version ${seq}` })
        await client.putRecord(persona.id, record)
        acknowledged.set(persona, { record, sequence: BigInt(seq), acceptance })
        // Whichever process answers, it is the version that was acknowledged.
        const { sequence } = await validateRecord(persona.id, (await client.record(persona.id))!)
        expect(sequence).toBe(BigInt(seq))
        if (++versions === Math.floor(PERSONAS * VERSIONS / 3)) {
          killed = once(children[0]!, 'exit')
          children[0]!.kill('SIGKILL')
        }
      }
    }
    await Promise.all(Array.from({ length: PERSONAS }, publish))
    await killed
    expect(acknowledged.size).toBe(PERSONAS)
    expect(retried, 'the process was killed while nobody asked').toBeGreaterThan(0)

    await startProcess(0)
    for (const port of ports) {
      const alone = createHomeClient({ transport, urls: [`http://127.0.0.1:${port}/`], trusted: true, clock: Date.now })
      for (const [persona, { record, acceptance }] of acknowledged) {
        const answer = await alone.profile(persona.id)
        expect(answer?.hosting).toBe('active')
        expect(answer?.record).toEqual(record)
        expect((await client.agreement(home, null, persona))?.acceptance.sig).toEqual(acceptance.sig)
      }
    }
  })

  it('witnesses one pledge, whichever process is asked', async () => {
    const persona = await createSigner(new Uint8Array(randomBytes(32)))
    const clients = ports.map((port) => createHomeClient({ transport, urls: [`http://127.0.0.1:${port}/`], trusted: true, clock: Date.now }))
    const pledges = await Promise.all(Array.from({ length: 6 }, async () => createPledge(persona, (await createSigner(new Uint8Array(randomBytes(32)))).publicKey)))
    const outcomes = await Promise.allSettled(pledges.map((pledge, i) => clients[i % 2]!.agree({ persona: persona.id, next: pledge.next, pledge: pledge.sig }, home, persona)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ refusal: 'PLEDGE_CONTESTED' })
  })
}))
