import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { RAW, cidOf } from '../../src/store/block.ts'
import { createHashStore, type HashStore } from '../../src/store/hash-store.ts'
import { createHashWeb } from '../../src/store/hash-web.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'

const bytes = utf8('block')
const cid = await cidOf(bytes, RAW)

/** A space that tells which hints it was asked with. */
const openSpace = (space: string): HashStore & { asked: (readonly string[])[] } => {
  const store = createHashStore(createMemoryStore())
  const asked: (readonly string[])[] = []
  return { ...store, space, asked, get: (cid, options) => { asked.push(options?.hints ?? []); return store.get(cid, options) } }
}

const openWeb = () => {
  const [ipfs, bittorrent, s3] = [openSpace('ipfs'), openSpace('bittorrent'), openSpace('s3')]
  return { ipfs, bittorrent, s3, web: createHashWeb({ spaces: [ipfs, bittorrent, s3], default: 'ipfs' }) }
}

describe('createHashWeb', () => {
  it('asks the default space alone where no hint names one, and puts there', async () => {
    const { ipfs, bittorrent, web } = openWeb()
    await web.put(cid, bytes)
    expect(await web.get(cid, { hints: ['/ip4/127.0.0.1/tcp/1', 'https://example.org', 'magnet:x'] })).toEqual(bytes)
    expect(ipfs.asked).toEqual([['/ip4/127.0.0.1/tcp/1', 'https://example.org', 'magnet:x']])
    expect(bittorrent.asked).toEqual([])
    expect(await bittorrent.get(cid)).toBeUndefined()
  })

  it.each([[`bittorrent/${cid.toString()}`], ['bittorrent:x'], ['bittorrent://x']])('the hint %s chooses its space, each space is asked once', async (hint) => {
    const { ipfs, bittorrent, s3, web } = openWeb()
    await bittorrent.put(cid, bytes)
    expect(await web.get(cid, { hints: [hint, hint, '/a'] })).toEqual(bytes)
    expect(bittorrent.asked).toEqual([[hint, hint, '/a']])
    expect([ipfs.asked, s3.asked]).toEqual([[], []])
  })

  it('falls back on the default space, which does not hear the hints of others', async () => {
    const { ipfs, bittorrent, s3, web } = openWeb()
    await ipfs.put(cid, bytes)
    expect(await web.get(cid, { hints: ['s3/x', 'bittorrent/x', 'ipfs/y'] })).toEqual(bytes)
    expect([s3.asked, bittorrent.asked, ipfs.asked]).toEqual([[['s3/x']], [['bittorrent/x']], [['ipfs/y']]])
  })

  it('passes over a space that gives other bytes or fails, and tells it where nobody has the block', async () => {
    const { bittorrent, s3, web, ipfs } = openWeb()
    await bittorrent.put(cid, utf8('other'))
    s3.get = async () => { throw new Error('down') }
    await expect(web.get(cid, { hints: ['bittorrent/x', 's3/x'] })).rejects.toMatchObject({ code: 'WRONG_BLOCK' })
    await ipfs.put(cid, bytes)
    expect(await web.get(cid, { hints: ['bittorrent/x', 's3/x'] })).toEqual(bytes)
  })

  it('pins in the default space what another one has, and unpins there alone', async () => {
    const { ipfs, bittorrent, web } = openWeb()
    await bittorrent.put(cid, bytes)
    await web.pin(cid)
    expect(await ipfs.get(cid)).toEqual(bytes)
    await web.unpin(cid)
    expect(await ipfs.get(cid)).toBeUndefined()
    expect(await bittorrent.get(cid)).toEqual(bytes)
  })

  it('refuses two stores of one space, and a default that none is of', () => {
    expect(() => createHashWeb({ spaces: [openSpace('a'), openSpace('a')], default: 'a' })).toThrowError(expect.objectContaining({ code: 'INVALID_SPACES' }))
    expect(() => createHashWeb({ spaces: [openSpace('a')], default: 'b' })).toThrowError(expect.objectContaining({ code: 'INVALID_SPACES' }))
    expect(() => createHashWeb({ spaces: [], default: 'a' })).toThrowError(expect.objectContaining({ code: 'INVALID_SPACES' }))
  })
})
