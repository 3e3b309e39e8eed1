import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openKuboService, type KuboService } from '../services/kubo.ts'
import { openPostgresService, type PostgresService } from '../services/postgres.ts'
import { openS3Service, type S3Service } from '../services/s3.ts'
import { describeWithService } from '../services/service.ts'
import { cleanUp, errorOf, mercury, temporaryFolder, type Ended, type Told } from './mercury.ts'

interface Place {
  role: string
  place: string
  outcome: string
  reason?: string
}

let folder: string
beforeAll(async () => { folder = await temporaryFolder() })
afterAll(cleanUp)

/** A directory whose configuration says where everything is. */
const openDirectory = async (name: string, config: string, env: Record<string, string> = {}) => {
  const directory = join(folder, name)
  await mkdir(directory, { mode: 0o700 })
  await writeFile(join(directory, 'mercury.config.yaml'), config)
  const run = async (...argv: string[]): Promise<Ended> => {
    const ended = await mercury(['--directory', directory, '--json', ...argv], { env })
    for (const secret of Object.values(env).filter((value) => value.includes('secret') || value.includes('token'))) expect(ended.stdout + ended.stderr).not.toContain(secret)
    return ended
  }
  return {
    run,
    publish: async (): Promise<Told> => {
      await run('init', '--unprotected')
      return (await run('publish', resolve('examples/alice.yaml'))).json
    },
    places: async (): Promise<Place[]> => (JSON.parse((await run('status')).stdout) as { places: Place[] }).places
  }
}

const outcomes = (places: readonly Place[]): string[] => places.map(({ role, outcome }) => `${role} ${outcome}`)

describeWithService('S3', 'the command with its blocks in S3', () => {
  let s3: S3Service
  beforeAll(async () => {
    s3 = await openS3Service()
    await s3.createBucket('profiles')
  })
  afterAll(async () => s3.close())
  const envOf = ({ credentials }: S3Service) => ({ AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey })
  const config = (): string => `blocks: [level, 's3://profiles/alice?endpoint=${s3.endpoint}']\nrouters: []\n`

  it('publishes, moves blocks out and in, and says whether the bucket answers', async () => {
    const { run, publish, places } = await openDirectory('s3', config(), envOf(s3))
    const { id, receipts } = await publish()
    expect(receipts).toMatchObject([{ target: 'blocks', outcome: 'delivered' }])
    expect(outcomes(await places())).toEqual(['blocks local', 'blocks reachable', 'state local'])
    const copied = await run('copy', '--from', `s3://profiles/alice?endpoint=${s3.endpoint}`, '--to', 'fs:backup', id)
    expect(JSON.parse(copied.stdout)).toMatchObject({ profiles: 1, copied: 2, failed: [] })
    await s3.stop()
    const [, bucket] = await places()
    expect(bucket).toMatchObject({ outcome: 'unreachable', reason: expect.any(String) as string })
    const refused = await run('copy', '--from', 'level', '--to', `s3://profiles/other?endpoint=${s3.endpoint}`)
    expect(errorOf(refused).code).toBe('NOT_ALL_COPIED')
    await s3.start()
    expect(JSON.parse((await run('copy', '--from', 'fs:backup', '--to', `s3://profiles/other?endpoint=${s3.endpoint}`)).stdout)).toMatchObject({ copied: 2 })
  })

  it('says that the credentials are wrong, without telling them', async () => {
    const { places } = await openDirectory('s3-wrong', config(), { ...envOf(s3), AWS_SECRET_ACCESS_KEY: 'a-wrong-secret-of-the-tests' })
    expect((await places())[1]).toMatchObject({ outcome: 'unreachable', reason: expect.stringMatching(/credentials/) as string })
  })
})

describeWithService('PostgreSQL', 'the command with its state in PostgreSQL', () => {
  let postgres: PostgresService
  beforeAll(async () => { postgres = await openPostgresService() })
  afterAll(async () => postgres.close())
  const placeOf = ({ user, port }: PostgresService): string => `postgres://${user}@127.0.0.1:${port}/postgres`

  it('keeps state and blocks there, survives its restart, and takes a state over', async () => {
    const env = { PGPASSWORD: postgres.password }
    const { run, publish, places } = await openDirectory('postgres', `state: ${placeOf(postgres)}\nblocks: ${placeOf(postgres)}\nrouters: []\n`, env)
    const { id, sequence } = await publish()
    expect(outcomes(await places())).toEqual(['blocks reachable', 'state reachable'])
    await postgres.stop()
    const down = JSON.parse((await run('status')).stdout) as { places: Place[]; error: { code: string } }
    expect(outcomes(down.places)).toEqual(['blocks unreachable', 'state unreachable'])
    expect(down.error.code).toBe('STORE_FAILED')
    expect(errorOf(await run('publish', resolve('examples/alice.yaml'))).code).toBe('STORE_FAILED')
    await postgres.start()
    expect((await run('publish', resolve('examples/alice.yaml'))).json.sequence).toBe(sequence + 1)
    const moved = await run('copy', '--state', '--from', placeOf(postgres), '--to', 'level:moved', id)
    expect(JSON.parse(moved.stdout)).toMatchObject({ copied: 1, failed: [] })
  })
})

describeWithService('Kubo', 'the command with a Kubo for blocks and names', () => {
  let kubos: KuboService[]
  beforeAll(async () => {
    const first = await openKuboService({ token: 'the-token-of-the-tests' })
    kubos = [first, await openKuboService({ bootstrap: [first.address] })]
  })
  afterAll(async () => { for (const kubo of kubos) await kubo.close() })

  it('publishes through one and resolves through another, by gateway and delegated routing', async () => {
    const [mine, theirs] = kubos as [KuboService, KuboService]
    const alice = await openDirectory('kubo', `blocks: kubo://127.0.0.1:${mine.port}\nrouters: ['kubo://127.0.0.1:${mine.port}']\n`, { KUBO_AUTHORIZATION: 'Bearer the-token-of-the-tests' })
    const { id, receipts } = await alice.publish()
    expect(receipts.map(({ outcome }) => outcome)).toEqual(['delivered', 'delivered'])
    expect(outcomes(await alice.places())).toEqual(['blocks reachable', 'state local', 'router reachable'])

    const reader = await openDirectory('gateway', `blocks: ['${theirs.gateway}']\nrouters: ['${theirs.gateway}']\n`)
    expect((await reader.run('resolve', id)).json).toMatchObject({ id, freshness: 'confirmed', profile: { name: 'Alice Liddell' } })
    expect(outcomes(await reader.places())).toEqual(['blocks reachable', 'state local', 'router reachable'])

    const stranger = await openDirectory('kubo-without-token', `blocks: kubo://127.0.0.1:${mine.port}\nrouters: []\n`)
    expect((await stranger.places())[0]).toMatchObject({ outcome: 'unreachable', reason: expect.any(String) as string })
  })
})
