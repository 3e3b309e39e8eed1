import { describe, expect, it } from 'vitest'
import { assembleBlocks, readLayout, withOneOfGateways } from '../../src/node/layout.ts'
import { describePlace, parsePlace, type Role } from '../../src/node/place.ts'
import { createHashStore } from '../../src/store/hash-store.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'

describe('parsePlace', () => {
  it.each<[Role, string, object]>([
    ['blocks', 'ipfs', { type: 'ipfs' }],
    ['blocks', 'memory', { type: 'memory' }],
    ['blocks', 'level:/a b/c', { type: 'level', location: '/a b/c' }],
    ['blocks', 'fs:backup', { type: 'fs', location: 'backup' }],
    ['blocks', 's3://profiles', { type: 's3', bucket: 'profiles', prefix: '' }],
    ['blocks', 's3://profiles/a%20b/c?endpoint=https://s3.example:9000&region=eu-1&style=virtual', { type: 's3', bucket: 'profiles', prefix: 'a b/c', endpoint: 'https://s3.example:9000', region: 'eu-1', pathStyle: false }],
    ['blocks', 'https://gateway.example/', { type: 'http', urls: ['https://gateway.example'] }],
    ['blocks', 'bittorrent', { type: 'bittorrent' }],
    ['state', 'level', { type: 'level' }],
    ['state', 'postgres://mercury@db.example:5433/profiles', { type: 'postgres', url: 'postgres://mercury@db.example:5433/profiles' }],
    ['state', 'postgresql://db.example/profiles?table=mine', { type: 'postgres', url: 'postgresql://db.example/profiles', table: 'mine' }],
    ['router', 'dht', { type: 'dht' }],
    ['router', 'pubsub', { type: 'pubsub' }],
    ['router', 'kubo://127.0.0.1:5001', { type: 'kubo', url: 'http://127.0.0.1:5001' }],
    ['router', 'kubo+https://kubo.example/rpc', { type: 'kubo', url: 'https://kubo.example/rpc' }],
    ['router', 'http://127.0.0.1:8080/base', { type: 'http', urls: ['http://127.0.0.1:8080/base'] }],
    ['router', 'bittorrent://127.0.0.1:6881?bootstrap=127.0.0.1:1,127.0.0.1:2', { type: 'bittorrent', host: '127.0.0.1', port: 6881, bootstrap: ['127.0.0.1:1', '127.0.0.1:2'] }]
  ])('%s: %s', (role, text, place) => {
    expect(parsePlace(role, text)).toEqual(place)
  })

  it.each<[Role, string, string]>([
    ['blocks', 'dht', 'is for something else'],
    ['state', 'ipfs', 'is for something else'],
    ['state', 'memory', 'is for something else'],
    ['state', 's3://bucket', 'is for something else'],
    ['router', 'postgres://db/x', 'is for something else'],
    ['router', 'level', 'is for something else'],
    ['blocks', '', 'is none'],
    ['blocks', 'nonsense', 'is none'],
    ['blocks', 'level:', 'the scheme level: is not known'],
    ['router', 'ftp://x', 'the scheme ftp: is not known'],
    ['router', 'javascript:alert(1)', 'the scheme javascript: is not known'],
    ['blocks', 's3://', 'names no bucket'],
    ['blocks', 's3://bucket?style=odd', 'style is path or virtual'],
    ['blocks', 's3://bucket?endpont=https://x', 'has no option "endpont"; there are endpoint, region, style'],
    ['blocks', 's3://bucket?region=a&region=b', 'region is given twice'],
    ['blocks', 's3://bucket/%zz', 'not well encoded'],
    ['router', 'https://home.example?key=1', 'has no option "key"']
  ])('%s refuses %j', (role, text, reason) => {
    expect(() => parsePlace(role, text)).toThrowError(expect.objectContaining({ code: 'INVALID_PLACE', message: expect.stringContaining(reason) as string }))
  })

  it.each([
    ['state', 'postgres://mercury:hunter2@db.example/profiles'],
    ['blocks', 's3://key:hunter2@bucket'],
    ['router', 'https://me:hunter2@home.example'],
    ['router', 'kubo://me:hunter2@127.0.0.1:5001'],
    ['state', 'postgres://mercury:hunter2@db.example:notaport/profiles'],
    ['blocks', 'hunter2@']
  ] as [Role, string][])('%s: a secret in %s is refused and not repeated', (role, text) => {
    try {
      parsePlace(role, text)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_PLACE' })
      expect(String((error as Error).stack)).not.toContain('hunter2')
    }
  })

  it('shows every place without asking for more than was written', () => {
    expect(['level:x', 's3://b/p?endpoint=https://e', 'kubo://h:1', 'bittorrent', 'https://g'].map((text) => describePlace(parsePlace('blocks', text)))).toEqual(['level:x', 's3://b/p at https://e', 'kubo at http://h:1', 'bittorrent', 'https://g'])
  })
})

describe('readLayout', () => {
  it('is the IPFS node, LevelDB and the DHT where nothing is said; homes are routers', () => {
    expect(readLayout({})).toEqual({ blocks: [{ type: 'ipfs' }], state: { type: 'level' }, routers: [{ type: 'dht' }] })
    expect(readLayout({ routers: [], homes: ['https://home.example', 'https://home.example'] }).routers).toEqual([{ type: 'http', urls: ['https://home.example'] }])
  })

  it('refuses a place that is there twice, and blocks that are nowhere', () => {
    expect(() => readLayout({ blocks: ['level:a', 'level:a'] })).toThrowError(expect.objectContaining({ code: 'INVALID_PLACE' }))
    expect(() => readLayout({ routers: ['https://a/'], homes: ['https://a'] })).toThrowError(expect.objectContaining({ code: 'INVALID_PLACE' }))
    expect(() => readLayout({ blocks: [] })).toThrowError(expect.objectContaining({ code: 'INVALID_PLACE' }))
  })
})

describe('withOneOfGateways', () => {
  it('puts all gateways together where the first of them stood', () => {
    const { blocks } = readLayout({ blocks: ['memory', 'https://a', 'level', 'https://b'] })
    expect(withOneOfGateways(blocks)).toEqual([{ type: 'memory' }, { type: 'http', urls: ['https://a', 'https://b'] }, { type: 'level' }])
    expect(withOneOfGateways([{ type: 'ipfs' }])).toEqual([{ type: 'ipfs' }])
  })
})

describe('assembleBlocks', () => {
  const store = (space: string) => ({ ...createHashStore(createMemoryStore()), space })
  const keep = <T>(part: T): T => part

  it('makes tiers of one space and a web of several, whose default is that of the first', () => {
    const alone = store('ipfs')
    expect(assembleBlocks([alone], keep)).toBe(alone)
    expect(assembleBlocks([store('ipfs'), store('ipfs')], keep).space).toBe('ipfs')
    expect(assembleBlocks([store('bittorrent'), store('ipfs'), store('ipfs')], keep).space).toBe('bittorrent')
  })
})
