import { expect, it } from 'vitest'
import { createBlockSource } from '../../../src/search/engine/block-source.ts'
import { openHitStream } from '../../../src/search/engine/hit-stream.ts'
import type { HitStream } from '../../../src/search/engine/search-answer.ts'
import { RecoveringStream } from '../../../src/search/local/recovering-stream.ts'
import { parseQuery } from '../../../src/search/query/query.ts'
import { InvalidIndexBlockError } from '../../../src/search/segment/index-block.ts'
import { buildIndex, evaluate, nameOfHit, smallPeople } from '../engine/small-index.ts'

it('goes on behind the last hit that it gave, over what is opened instead, and gives up when that is damaged too', async () => {
  const { segments, blocks, live } = await buildIndex(smallPeople(200))
  const open = (): HitStream => openHitStream({ segments, query: parseQuery('ada'), source: createBlockSource({ blocks, verify: 'hash', maxBlocks: 1_000 }), head: 'head' })
  const failing = (stream: HitStream, after: number): HitStream => {
    let takes = 0
    return { cursor: () => undefined, report: stream.report, take: async (count) => { if (takes++ >= after) throw new InvalidIndexBlockError(segments[0]!.keys.cid, 'damaged'); return stream.take(count) } }
  }
  const stream = new RecoveringStream(failing(open(), 2), async () => open())
  const found: string[] = []
  for (let hits = await stream.take(7); ; hits = await stream.take(7)) {
    found.push(...hits.map(nameOfHit))
    if (hits.length < 7) break
  }
  expect(found).toEqual(evaluate(live, parseQuery('ada')))
  await expect(new RecoveringStream(failing(open(), 0), async () => failing(open(), 0)).take(7)).rejects.toThrow(InvalidIndexBlockError)
})
