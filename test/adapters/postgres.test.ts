import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { openPostgresStore, type PostgresOptions } from '../../src/adapters/postgres.ts'
import { lockOf } from '../../src/adapters/postgres/parameters.ts'
import { utf8 } from '../../src/bytes.ts'
import { draftOf } from '../../src/profile/draft.ts'
import { hashName } from '../../src/store/hash-store.ts'
import type { KeyValueStore, Operation } from '../../src/store/key-value-store.ts'
import { signerOf } from '../client/world.ts'
import { openPostgresService, type PostgresService } from '../services/postgres.ts'
import { describeWithService, freePort } from '../services/service.ts'
import { KILL_TEST_TIMEOUT_MS, expectToSurviveKills } from './crash.ts'
import { COUNT, EDITS, openClient } from './postgres-editor.ts'

const run = promisify(execFile)
const adapter = new URL('../../src/adapters/postgres.ts', import.meta.url).href
const KILLS = 6

describeWithService('PostgreSQL', 'the PostgreSQL adapter', () => {
  let service: PostgresService
  /** Of the test's own, as the role that may do everything. */
  let admin: pg.Client
  let databases = 0
  /** An empty database for each test. */
  let url: string
  let database: string
  const opened: KeyValueStore[] = []

  beforeAll(async () => {
    service = await openPostgresService()
    admin = new pg.Client({ connectionString: service.url })
    await admin.connect()
  })
  afterAll(async () => {
    await admin.end()
    await service.close()
  })
  beforeEach(async () => {
    database = `test_${++databases}`
    await admin.query(`CREATE DATABASE ${database}`)
    url = service.url.replace(/postgres$/, database)
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    for (const store of opened.splice(0)) await store.close()
  })

  const open = async (options: PostgresOptions = {}): Promise<KeyValueStore> => {
    const store = await openPostgresStore({ url, ...options })
    opened.push(store)
    return store
  }
  /** One statement in the test's database. */
  const sql = async (text: string, values: unknown[] = []): Promise<unknown[][]> => {
    const client = new pg.Client({ connectionString: url, application_name: 'test' })
    await client.connect()
    try {
      return (await client.query({ text, values, rowMode: 'array' })).rows as unknown[][]
    } finally {
      await client.end()
    }
  }
  /** What stores do on the server, by their connections' states. */
  const states = async (): Promise<string[]> => (await sql('SELECT state FROM pg_stat_activity WHERE datname = $1 AND application_name = \'mercury-profiles\'', [database])).flat() as string[]
  const statesBecome = (expected: string[]): Promise<void> => vi.waitFor(async () => expect(await states()).toEqual(expected), { timeout: 10_000, interval: 10 })
  const range = (length: number): number[] => Array.from({ length }, (_, i) => i)

  it('reads what is asked for at one moment in one round trip, long values each in another', async () => {
    const store = await open()
    const [short, long] = [utf8('short'), new Uint8Array(65_537).fill(7)]
    await store.batch([...range(20).map((i): Operation => ({ type: 'put', key: `key ${i}`, value: short })), { type: 'put', key: 'at the limit', value: long.slice(1) }, { type: 'put', key: 'long', value: long }])
    const trips = vi.spyOn(pg.Connection.prototype, 'sync')
    const values = await Promise.all([...range(20).map((i) => `key ${i}`), 'absent', 'at the limit'].map((key) => store.get(key)))
    expect(trips).toHaveBeenCalledTimes(1)
    expect(values).toEqual([...range(20).map(() => short), undefined, long.slice(1)])
    expect(await Promise.all([store.get('key 0'), store.get('long')])).toEqual([short, long])
    expect(trips).toHaveBeenCalledTimes(3)
  })

  it('does every call in one round trip, also a batch and an iteration that fits a page', async () => {
    const store = await open()
    const trips = vi.spyOn(pg.Connection.prototype, 'sync')
    const simple = vi.spyOn(pg.Connection.prototype, 'query')
    const calls: (() => Promise<unknown>)[] = [
      () => store.put('a', utf8('1')),
      () => store.get('a'),
      () => store.delete('a'),
      () => store.batch(range(1_000).map((i): Operation => ({ type: 'put', key: `key ${String(i).padStart(4, '0')}`, value: utf8('v') }))),
      () => store.batch([{ type: 'check', key: 'key 0000', value: utf8('v') }, { type: 'check', key: 'absent', value: undefined }, { type: 'put', key: 'absent', value: utf8('v') }, { type: 'delete', key: 'key 0001' }]),
      () => Array.fromAsync(store.entries({ prefix: 'key 00' })),
      () => Array.fromAsync(store.entries({ limit: 1 })),
      () => Array.fromAsync(store.entries({ limit: 0 }))
    ]
    const counts: number[] = []
    for (const call of calls) {
      trips.mockClear()
      await call()
      counts.push(trips.mock.calls.length)
    }
    expect(counts).toEqual([1, 1, 1, 1, 1, 1, 1, 0])
    expect(simple).not.toHaveBeenCalled()
    expect(await states()).toEqual(['idle'])
  })

  it('iterates over more than one page, by entries and by bytes, both ways, as it was when it started', async () => {
    const store = await open()
    const keys = range(2_500).map((i) => `key ${String(i).padStart(5, '0')}`)
    for (let at = 0; at < keys.length; at += 500) await store.batch(keys.slice(at, at + 500).map((key) => ({ type: 'put', key, value: utf8(key.repeat(key < 'key 00010' ? 30_000 : 10)) })))
    for (const [bounds, expected] of [[{}, keys], [{ reverse: true }, keys.toReversed()], [{ gt: keys[2], limit: 1_500 }, keys.slice(3, 1_503)], [{ lte: keys[1_200], reverse: true, limit: 1_100 }, keys.slice(101, 1_201).toReversed()]] as const) {
      const found: string[] = []
      for await (const [key, value] of store.entries(bounds)) {
        if (found.length === 0) await store.batch([{ type: 'put', key: 'key 00002 new', value: utf8('new') }, { type: 'put', key: keys[600]!, value: utf8('new') }, { type: 'delete', key: keys[601]! }])
        expect(new TextDecoder().decode(value).slice(0, key.length)).toBe(key)
        found.push(key)
      }
      expect(found).toEqual(expected)
      await store.batch([{ type: 'delete', key: 'key 00002 new' }, ...[600, 601].map((i): Operation => ({ type: 'put', key: keys[i]!, value: utf8(keys[i]!.repeat(10)) }))])
    }
  })

  it('gives back the connection of an iteration that ends, fails, is left, aborted or closed', async () => {
    const store = await open()
    await store.batch(range(1_500).map((i) => ({ type: 'put', key: `${i}`, value: utf8('v') })))
    const begin = async (signal?: AbortSignal): Promise<AsyncIterator<[string, Uint8Array]>> => {
      const iterator = store.entries({}, { signal })[Symbol.asyncIterator]()
      await iterator.next()
      expect(await states()).toContain('idle in transaction')
      return iterator
    }
    expect(await Array.fromAsync(store.entries())).toHaveLength(1_500)
    await statesBecome(['idle'])
    await (await begin()).return?.()
    await statesBecome([])
    const controller = new AbortController()
    await begin(controller.signal)
    controller.abort()
    await statesBecome([])
    await sql('INSERT INTO mercury VALUES (\'\\xf0\'::bytea, \'\')')
    await expect(Array.fromAsync(store.entries())).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await statesBecome([])
    const left = await begin()
    await store.close()
    await expect(left.next()).rejects.toMatchObject({ code: 'CLOSED' })
    await statesBecome([])
  })

  it('leaves connections to writes however many iterations are under way, and tells when there are too many of these', async () => {
    const store = await open({ maxConnections: 2, connectTimeoutMs: 1_000 })
    await store.batch(range(1_500).map((i) => ({ type: 'put', key: `${i}`, value: utf8('v') })))
    const first = store.entries()[Symbol.asyncIterator]()
    await first.next()
    await Promise.all(range(20).map((i) => store.put(`new ${i}`, utf8('v'))))
    await expect(Array.fromAsync(store.entries())).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringMatching(/too many iterations/) })
    const waiting = Array.fromAsync(store.entries())
    await first.return?.()
    expect(await waiting).toHaveLength(1_520)
  })

  it('lets no two batches that share a key interleave, absent keys and batches of very many keys too', async () => {
    await admin.query(`ALTER DATABASE ${database} SET default_transaction_isolation = 'repeatable read'`)
    const stores = [await open(), await open()]
    const key = (i: number): string => `number ${i}`
    const claim = async (store: KeyValueStore, i: number): Promise<boolean> => {
      const others = i % 3 === 0 ? range(1_100).map((n): Operation => ({ type: 'delete', key: `other ${n}` })) : []
      return store.batch([{ type: 'check', key: key(i), value: undefined }, { type: 'put', key: key(i), value: utf8('taken') }, ...others]).then(() => true, () => false)
    }
    const won = await Promise.all(range(30).map(async (i) => (await Promise.all(range(6).map((n) => claim(stores[n % 2]!, i)))).filter(Boolean).length))
    expect(won).toEqual(range(30).map(() => 1))
    // Each takes one key and leaves the other: whichever comes last decides on both.
    for (const round of range(20)) {
      const [a, b] = [`a ${round}`, `b ${round}`]
      await Promise.all([stores[0]!.batch([{ type: 'put', key: a, value: utf8('1') }, { type: 'delete', key: b }]), stores[1]!.batch([{ type: 'delete', key: a }, { type: 'put', key: b, value: utf8('2') }])])
      expect([await stores[0]!.get(a), await stores[0]!.get(b)].filter((value) => value !== undefined)).toHaveLength(1)
    }
  })

  it('writes durably whatever the database says', async () => {
    await admin.query(`ALTER DATABASE ${database} SET synchronous_commit = off`)
    const store = await open()
    await sql('CREATE TABLE seen (setting text)')
    await sql('CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_setting(\'synchronous_commit\')); RETURN NEW; END $$')
    await sql('CREATE TRIGGER look BEFORE INSERT ON mercury FOR EACH ROW EXECUTE FUNCTION look()')
    await store.put('a', utf8('1'))
    expect(await sql('SELECT DISTINCT setting FROM seen')).toEqual([['on']])
  })

  it('tries a batch again that the server rolled back, and gives up in the end', async () => {
    const store = await open()
    await sql('CREATE SEQUENCE tries')
    const fail = async (code: string, times: number): Promise<void> => {
      await sql('ALTER SEQUENCE tries RESTART')
      await sql(`CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') <= ${times} THEN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END IF; RETURN NEW; END $$`)
    }
    await fail('40001', 4)
    await sql('CREATE TRIGGER fail BEFORE INSERT ON mercury FOR EACH ROW EXECUTE FUNCTION fail()')
    for (const code of ['40001', '40P01']) {
      await fail(code, 4)
      await store.put(code, utf8('1'))
    }
    // As a server does that has no room for locks but one.
    await sql('CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF (SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\' AND pid = pg_backend_pid()) > 1 THEN RAISE EXCEPTION \'no\' USING ERRCODE = \'53200\'; END IF; RETURN NEW; END $$')
    await store.put('53200', utf8('1'))
    await fail('40001', 5)
    await expect(store.put('a', utf8('1'))).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('(40001)') })
    await fail('23514', 1)
    await expect(store.put('a', utf8('1'))).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('(23514)') })
    expect((await Array.fromAsync(store.entries())).map(([key]) => key)).toEqual(['40001', '40P01', '53200'])
  })

  it('takes any text for a key and only identifiers for a table', async () => {
    const store = await open()
    const keys = ['\'); DROP TABLE mercury; --', '$1', '" OR 1=1', '\\x00', '\\', 'key', '\0\'']
    for (const key of keys) await store.put(key, utf8(key))
    expect((await Array.fromAsync(store.entries())).map(([key]) => key).sort()).toEqual(keys.toSorted())
    expect(await Array.fromAsync(store.entries({ gte: '\' OR true --', lt: '\' OR true --~' }))).toEqual([])
    for (const table of ['', 'Mercury', 'a"b', 'a; drop table mercury', 'a.b', '1a', 'ä', 'a'.repeat(64), 'a\n']) await expect(openPostgresStore({ url, table }), table).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    for (const table of ['select', 'user', '_', 'a'.repeat(63)]) await (await open({ table })).put('a', utf8('1'))
  })

  it('may be opened by several at once where nothing is there yet, and keeps off tables of others', async () => {
    const stores = await Promise.all(range(12).map(() => open()))
    await stores[0]!.put('a', utf8('1'))
    expect(await stores[11]!.get('a')).toEqual(utf8('1'))
    await sql('CREATE TABLE other (key bytea, value bytea)')
    await sql('CREATE VIEW view AS SELECT 1')
    await sql('COMMENT ON TABLE mercury IS \'mercury-profiles key-value store, layout 2\'')
    for (const table of ['other', 'view', 'mercury']) await expect(openPostgresStore({ url, table })).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(table) })
    await statesBecome(range(12).map(() => 'idle'))
  })

  it('tells in one sentence what is wrong, with the SQLSTATE and without a secret', async () => {
    await open()
    await admin.query('CREATE ROLE "the-guest" LOGIN PASSWORD \'the-guest-secret\'')
    const guest = url.replace(`${service.user}:${service.password}`, 'the-guest:the-guest-secret')
    const [host, port] = [`127.0.0.1:${service.port}`, await freePort()]
    const cases: [what: string, url: string, expected: string][] = [
      ['a wrong password', url.replace(service.password, 'another-secret'), '28P01'],
      ['an unknown role', url.replace('//mercury:', '//the-nobody:'), '28P01'],
      ['no database', url.replace(database, 'nowhere'), '3D000'],
      ['no rights', guest, '42501'],
      ['nobody there', url.replace(host, `127.0.0.1:${port}`), 'ECONNREFUSED'],
      ['no TLS', `${url}?sslmode=require`, 'TLS'],
      ['a parameter', `${url}?options=the-option`, 'parameters'],
      ['another parameter', `${url}?sslmode=the-option`, 'sslmode'],
      ['a scheme', url.replace('postgres:', 'mysql:'), 'postgres://'],
      ['no URL', `the-option ${url}`, 'postgres://'],
      ['an escape', url.replace(service.password, '%E0%A4%A'), 'escape'],
      ['a fragment', url.replace(service.password, 'the-#option'), 'not']
    ]
    for (const [what, given, expected] of cases) {
      const error = await open({ url: given }).then((store) => store.put('the-key', utf8('the-value'))).catch((error: unknown) => error)
      expectTold(error, expected, what)
    }
    const reading = await open()
    await admin.query(`ALTER DATABASE ${database} SET default_transaction_read_only = on`)
    await sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = \'mercury-profiles\'')
    await vi.waitFor(async () => expectTold(await reading.put('the-key', utf8('the-value')).catch((error: unknown) => error), '25006', 'read only'))
    expect(await reading.get('the-key')).toBeUndefined()
  })

  const expectTold = (error: unknown, expected: string, what: string): void => {
    expect((error as { code?: string }).code, what).toMatch(/^(STORE_FAILED|INVALID_URL)$/)
    expect((error as Error).message, what).toContain(expected)
    expect((error as Error).message, what).not.toContain('\n')
    for (let link: unknown = error; link instanceof Error; link = link.cause) {
      const told = [link.message, link.stack, JSON.stringify(link), JSON.stringify(Object.getOwnPropertyDescriptors(link))].join('\n')
      for (const secret of [service.password, 'another-secret', 'the-guest', 'the-nobody', 'the-option', 'the-key', 'the-value', `${service.user}:`]) expect(told, what).not.toContain(secret)
    }
  }

  it('takes the password from the environment', async () => {
    const bare = url.replace(`:${service.password}`, '')
    const script = `const { openPostgresStore } = await import(${JSON.stringify(adapter)}); const store = await openPostgresStore({ url: ${JSON.stringify(bare)} }); await store.put('a', new Uint8Array()); await store.close(); console.log('done')`
    expect((await run(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, PGPASSWORD: service.password } })).stdout).toBe('done\n')
    await expect(openPostgresStore({ url: bare })).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('password') })
  })

  it('rejects an aborted call at once although the server is busy with it, and leaves no connection', async () => {
    const store = await open()
    await store.put('a', utf8('1'))
    const blocker = new pg.Client({ connectionString: url })
    await blocker.connect()
    await blocker.query('SELECT pg_advisory_lock($1)', [String(lockOf('mercury', 'a'))])
    const reason = new Error('enough')
    const controller = new AbortController()
    const calls = range(12).map((i) => store.batch([{ type: 'put', key: 'a', value: utf8('2') }, { type: 'put', key: `b ${i}`, value: utf8('2') }], { signal: controller.signal }).catch((error: unknown) => error))
    await statesBecome(range(8).map(() => 'active'))
    controller.abort(reason)
    expect(await Promise.all(calls)).toEqual(range(12).map(() => reason))
    await blocker.end()
    await statesBecome([])
    const a = new TextDecoder().decode(await store.get('a'))
    expect((await Array.fromAsync(store.entries({ prefix: 'b' }))).length > 0).toBe(a === '2')
    await store.put('a', utf8('3'))
  })

  it('ends a statement that takes too long, here and on the server', async () => {
    const store = await open({ queryTimeoutMs: 300 })
    const blocker = new pg.Client({ connectionString: url })
    await blocker.connect()
    await blocker.query('SELECT pg_advisory_lock($1)', [String(lockOf('mercury', 'a'))])
    await expect(store.put('a', utf8('1'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await vi.waitFor(async () => expect(await states()).not.toContain('active'), { timeout: 10_000 })
    await blocker.end()
    expect(await store.get('a')).toBeUndefined()
  })

  it('believes nothing that no store has written', async () => {
    const store = await open()
    await store.put('fine', utf8('1'))
    await sql('INSERT INTO mercury SELECT convert_to(n || \' mebibytes\', \'UTF8\'), convert_to(repeat(\'x\', n * 1048576), \'UTF8\') FROM (VALUES (17), (40)) AS sizes (n)')
    await expect(store.get('17 mebibytes')).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('a value over') })
    await expect(store.get('40 mebibytes')).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('an answer') })
    await expect(Array.fromAsync(store.entries())).rejects.toMatchObject({ code: 'STORE_FAILED' })
    await sql('DELETE FROM mercury WHERE octet_length(value) > 1000')
    await sql('INSERT INTO mercury VALUES (\'\\xff\'::bytea, \'\'), (\'\\xc3\'::bytea, \'\')')
    await expect(Array.fromAsync(store.entries())).rejects.toMatchObject({ code: 'STORE_FAILED' })
    expect(await store.get('fine')).toEqual(utf8('1'))
  })

  it('refuses a batch that is too large before it is sent', async () => {
    const store = await open()
    const value = new Uint8Array(16 * 1_048_576)
    await expect(store.batch(range(17).map((i) => ({ type: 'put', key: `${i}`, value })))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(await Array.fromAsync(store.entries())).toEqual([])
  })

  it('keeps no process running that has nothing else to do', async () => {
    const script = `const { openPostgresStore } = await import(${JSON.stringify(adapter)}); const store = await openPostgresStore({ url: ${JSON.stringify(url)} }); await store.put('a', new Uint8Array()); console.log('done')`
    expect((await run(process.execPath, ['--input-type=module', '-e', script])).stdout).toBe('done\n')
  })

  it('names the package that is missing', async () => {
    const hooks = 'import { registerHooks } from "node:module"; registerHooks({ resolve: (name, context, next) => next(name === "pg" ? "not-installed" : name, context) })'
    const script = `const { openPostgresStore } = await import(${JSON.stringify(adapter)}); await openPostgresStore({ url: 'postgres://localhost' }).catch((error) => console.log(error.code, error.message))`
    const { stdout } = await run(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(hooks)}`, '--input-type=module', '-e', script])
    expect(stdout).toMatch(/^MISSING_DEPENDENCY .*npm install pg@8\.23\.1\n$/)
  })

  it('loses no acknowledged batch and leaves none half there when its process is killed', { timeout: KILL_TEST_TIMEOUT_MS }, async () => {
    await expectToSurviveKills('postgres', url, async () => {
      // What the killed process had sent may be under way still; nothing of it stays in a transaction.
      await statesBecome([])
      return open()
    }, KILLS)
  })

  it('lets processes that publish one profile at once lower no floor and lose no version', { timeout: KILL_TEST_TIMEOUT_MS }, async () => {
    const alice = await signerOf(1)
    const watcher = await openClient(url)
    await watcher.profiles.publish({ name: 'Alice', [COUNT]: 0 }, alice, { wait: 'all', first: true })
    const children = range(3).map(() => spawn(process.execPath, [fileURLToPath(new URL('postgres-editor.ts', import.meta.url)), url], { stdio: ['ignore', 'pipe', 'inherit'] }))
    const ends = Promise.all(children.map((child) => once(child, 'exit')))
    const outputs = Promise.all(children.map((child) => child.stdout.toArray() as Promise<Buffer[]>))
    const floors: bigint[] = []
    while (children.some(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) floors.push((await watcher.profiles.resolve(alice.id, { policy: 'offline' })).sequence)
    expect(await ends).toEqual(range(3).map(() => [0, null]))
    expect(floors).toEqual(floors.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
    const acknowledged = (await outputs).flatMap((parts) => Buffer.concat(parts).toString().trim().split('\n'))
    expect(new Set(acknowledged.map((line) => line.split(' ')[0])).size).toBe(3 * EDITS)
    const last = await watcher.profiles.resolve(alice.id, { policy: 'offline' })
    expect(draftOf(last.document)[COUNT]).toBe(3 * EDITS)
    expect(acknowledged).toContain(`${last.sequence} ${last.cid.toString()}`)
    expect(await Array.fromAsync(watcher.profiles.owed())).toEqual([])
    await watcher.close()
    // Of all versions the last one alone is pinned, and kept.
    const keys = (await Array.fromAsync((await open()).entries({ prefix: 'blocks/' }))).map(([key]) => key)
    expect(keys).toEqual([`blocks/block/${hashName(last.cid)}`, `blocks/pin/${hashName(last.cid)}`])
  })
})
