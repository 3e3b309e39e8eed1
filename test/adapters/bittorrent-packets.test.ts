import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { openBittorrentNode } from '../../src/adapters/bittorrent/index.ts'
import { decodeBencode, encodeBencode, type Bencode } from '../../src/adapters/bittorrent/bencode.ts'
import { MAX_PACKET_BYTES, parseKrpcMessage } from '../../src/adapters/bittorrent/krpc-message.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => { for (const close of closers.splice(0).reverse()) await close() })

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const read = (text: string): Bencode => decodeBencode(bytes(text), 1_000)

describe('bencode', () => {
  const { value } = fc.letrec<{ value: Bencode }>((tie) => ({
    value: fc.oneof({ maxDepth: 4 }, fc.maxSafeInteger(), fc.uint8Array().map((array) => Buffer.from(array)), fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(fc.string({ unit: 'binary-ascii' }), tie('value'), { maxKeys: 4, noNullPrototype: false }))
  }))

  it('comes back as it was written', () => {
    fc.assert(fc.property(value, (given) => {
      const encoded = encodeBencode(given)
      expect(encodeBencode(decodeBencode(encoded, 1_000_000))).toEqual(encoded)
    }))
  })

  it('never hangs and throws nothing but its own errors, whatever it reads', () => {
    const noise = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.string({ unit: fc.constantFrom(...'ilde:-0123456789x'.split('')), maxLength: 64 }).map(bytes))
    fc.assert(fc.property(noise, (packet) => {
      try {
        expect(encodeBencode(decodeBencode(packet, 64)).byteLength).toBe(packet.byteLength)
      } catch (error) {
        expect(['INVALID_BENCODE', 'LIMIT_EXCEEDED']).toContain((error as { code: string }).code)
      }
    }), { numRuns: 2_000 })
  })

  it.each([
    ['', 'nothing'], ['i1', 'an integer without end'], ['ie', 'an empty integer'], ['i01e', 'a leading zero'], ['i-0e', 'minus zero'], ['i+1e', 'a plus'], ['i1.5e', 'a fraction'],
    ['i9007199254740992e', 'an integer that is not exact'], ['2:a', 'a string that is cut'], ['-3:', 'a negative length'], ['l-3:', 'a negative length in a list'], ['01:a', 'a length with a zero'],
    ['999999:a', 'a long length'], ['l', 'a list without end'], ['d1:a', 'a map without end'], ['di1ei1ee', 'a key that is no string'], ['d1:ai1e1:ai2ee', 'a key twice'], ['i1ei2e', 'two values'], ['x', 'a letter']
  ])('refuses %j: %s', (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'INVALID_BENCODE' }))
  })

  it('reads 8 levels and the bytes of its limit, and no more', () => {
    expect(read(`${'l'.repeat(9)}${'e'.repeat(9)}`)).toEqual([[[[[[[[[]]]]]]]]])
    expect(() => read(`${'l'.repeat(10)}${'e'.repeat(10)}`)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
    expect(decodeBencode(bytes('2:ab'), 4)).toEqual(bytes('ab'))
    expect(() => decodeBencode(bytes('3:abc'), 4)).toThrow(expect.objectContaining({ limit: 'bencoded bytes', max: 4, value: 5 }))
  })

  it('has no key that is special', () => {
    const map = read('d9:__proto__d1:ai1eee') as { [key: string]: Bencode }
    expect(Object.keys(map)).toEqual(['__proto__'])
    expect(map.a).toBeUndefined()
  })
})

const id = 'x'.repeat(20)
const query = (name: string, rest: string): string => `d1:ad2:id20:${id}${rest}e1:q${name.length}:${name}1:t2:aa1:y1:qe`
const key = `1:k32:${'k'.repeat(32)}`
const sig = `3:sig64:${'s'.repeat(64)}`

/** Seven of these stop or hang the process where the library's own socket receives them (bittorrent-dht 11.0.12, k-rpc-socket 1.11). */
const hostile: readonly [what: string, packet: string][] = [
  ['a string of negative length in a list', 'l-3:e'],
  ['a target that is a number', query('get', '6:targeti5e')],
  ['a target that is short', query('find_node', '6:target2:xx')],
  ['an info hash that is a number', query('get_peers', '9:info_hashi5e')],
  ['an info hash of an announcement that is a list', query('announce_peer', '9:info_hashle4:porti5e5:token1:t')],
  ['a token that is a number', query('put', '5:tokeni5e1:v1:a')],
  ['a salt that is a number', query('put', `${key}4:salti5e3:seqi1e${sig}5:token1:t1:v1:a`)],
  ['a key that is short', query('put', `1:k2:kk3:seqi1e${sig}5:token1:t1:v1:a`)],
  ['a key without signature', query('put', `${key}3:seqi1e5:token1:t1:v1:a`)],
  ['a number below zero', query('put', `${key}3:seqi-1e${sig}5:token1:t1:v1:a`)],
  ['a value over 1,000 bytes', query('put', `5:token1:t1:v997:${'v'.repeat(997)}`)],
  ['a put without value', query('put', '5:token1:t')],
  ['a type that is a map', 'd1:t2:aa1:yd8:toString1:aee'],
  ['a query whose name is a map', `d1:ad2:id20:${id}e1:qd8:toString1:ae1:t2:aa1:y1:qe`],
  ['an answer whose ID is a number', 'd1:rd2:idi5ee1:t2:aa1:y1:re'],
  ['an answer whose token is a list', `d1:rd2:id20:${id}5:tokenlee1:t2:aa1:y1:re`],
  ['no transaction', `d1:rd2:id20:${id}e1:y1:re`]
]

describe('packets', () => {
  it.each(hostile)('drops %s', (_, packet) => {
    expect(parseKrpcMessage(bytes(packet))).toBeUndefined()
  })

  it('takes what is well-formed', () => {
    expect(parseKrpcMessage(bytes(query('ping', '')))?.type).toBe('query')
    expect(parseKrpcMessage(bytes(query('get', `6:target20:${id}`)))?.type).toBe('query')
    expect(parseKrpcMessage(bytes(query('put', `${key}4:salt1:s3:seqi1e${sig}5:token1:t1:v996:${'v'.repeat(996)}`)))?.type).toBe('query')
    expect(parseKrpcMessage(bytes(`d1:rd2:id20:${id}5:token1:te1:t2:aa1:y1:re`))).toMatchObject({ type: 'reply', r: { token: bytes('t') } })
    expect(parseKrpcMessage(bytes('d1:eli201e4:oh\x1b!e1:t2:aa1:y1:ee'))).toMatchObject({ type: 'error', errorCode: 201, errorText: 'oh?!' })
  })

  it('reads packets up to 4,096 bytes', () => {
    const padded = (length: number): Buffer => bytes(query('ping', `1:p${length}:${'p'.repeat(length)}`))
    const overhead = padded(1_000).byteLength - 1_000
    expect(parseKrpcMessage(padded(MAX_PACKET_BYTES - overhead))?.type).toBe('query')
    expect(parseKrpcMessage(padded(MAX_PACKET_BYTES - overhead + 1))).toBeUndefined()
  })

  it.each(['server', 'client'] as const)('a %s that receives all of them goes on, and answers as it should', async (dht) => {
    const node = await openBittorrentNode({ host: '127.0.0.1', dht })
    const stranger = createSocket('udp4')
    stranger.bind(0, '127.0.0.1')
    await once(stranger, 'listening')
    closers.push(node.close, async () => { stranger.close() })
    const { host, port } = node.address()
    const answers: { packet: Buffer; from: number }[] = []
    stranger.on('message', (answer: Buffer, from) => answers.push({ packet: answer, from: from.port }))
    for (const [, packet] of hostile) stranger.send(bytes(packet), port, host)
    for (const packet of [Buffer.alloc(0), Buffer.alloc(9_000, 'l')]) stranger.send(packet, port, host)
    stranger.send(bytes(query('ping', '')), port, host)
    // This one answers in any case, and after the other.
    const last = await openBittorrentNode({ host: '127.0.0.1', dht: 'server' })
    closers.push(last.close)
    stranger.send(bytes(query('ping', '')), last.address().port, host)
    while (!answers.some(({ from }) => from === last.address().port)) await once(stranger, 'message')
    expect(answers.map(({ from }) => from)).toEqual(dht === 'server' ? [port, last.address().port] : [last.address().port])
    expect(answers.map(({ packet }) => parseKrpcMessage(packet)?.type)).toEqual(answers.map(() => 'reply'))
  })
})
