import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { mutableTarget } from '../../src/adapters/bittorrent/item.ts'
import { pointersOf } from '../../src/adapters/bittorrent/pointer.ts'
import { utf8 } from '../../src/bytes.ts'
import { RAW, cidOf } from '../../src/store/block.ts'

it('docs/bittorrent.md gives the pointers of its example', async () => {
  const text = await readFile(new URL('../../docs/bittorrent.md', import.meta.url), 'utf8')
  const cid = await cidOf(utf8('hello'), RAW)
  const pointers = await pointersOf(cid.multihash.digest)
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  for (const written of [cid.toString(), hex(pointers[0]!.publicKey), ...pointers.map((pointer) => hex(mutableTarget(pointer)))]) expect(text).toContain(`\`${written}\``)
})
