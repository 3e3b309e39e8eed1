import { expect, it } from 'vitest'
import { encodeCbor } from '../../src/cbor.ts'
import { uploadMedia } from '../../src/client/home-media.ts'
import type { HomeContact } from '../../src/client/home-contact.ts'
import { HomeUnreachableError } from '../../src/hosting/home-client.ts'
import { createHashStore, createMemoryStore } from '../../src/index.ts'
import { DAG_CBOR, RAW, cidOf } from '../../src/store/block.ts'
import type { CarBlock } from '../../src/store/car.ts'
import { signerOf } from './world.ts'

const linkTo = async (links: readonly CarBlock[]): Promise<CarBlock> => {
  const bytes = encodeCbor({ links: links.map(({ cid }) => cid) })
  return { cid: await cidOf(bytes, DAG_CBOR), bytes }
}

it('asks a home that does not answer once, and not for each block', async () => {
  const blocks = createHashStore(createMemoryStore())
  let leaves: CarBlock[] = await Promise.all(Array.from({ length: 4 }, async (_, i) => ({ cid: await cidOf(Uint8Array.of(i), RAW), bytes: Uint8Array.of(i) })))
  for (let depth = 0; depth < 5; depth++) {
    const node = await linkTo(leaves)
    await blocks.put(node.cid, node.bytes)
    const gone = { bytes: Uint8Array.of(100, depth), cid: await cidOf(Uint8Array.of(100, depth), RAW) }
    leaves = [node, gone]
  }
  const document = await linkTo(leaves)
  let asked = 0
  const silent: HomeContact = {
    named: [],
    found: [],
    answeredAt: () => undefined,
    ask: async () => {
      asked++
      throw new HomeUnreachableError('it hangs')
    }
  }
  const taking: HomeContact = { ...silent, ask: async () => ({ value: false as never, url: 'https://home.example/' }) }
  const { missing } = await uploadMedia(document, taking, await signerOf(1), { blocks, holders: [silent] })
  expect(missing).toHaveLength(9)
  expect(asked).toBe(1)
})
