import { DAG_CBOR, cidOf } from '../../store/block.ts'
import type { GivenBlock } from '../../store/pins.ts'
import { NODE, encodeIndexBlock } from '../segment/index-block.ts'
import { MAX_KEY_DEPTH, encodeNode } from '../segment/node.ts'
import type { Segment } from '../segment/segment.ts'

/** Segments as they stand in a manifest, and the blocks that this took. */
export interface FittedSegments {
  readonly segments: readonly Segment[]
  readonly blocks: readonly GivenBlock[]
}

/**
 * Moves tops of the trees of keys out of the manifest until all segments fit together, each into a block below a top with one child. Those with the fewest levels go first:
 * the look-ups in all segments run side by side, so a query takes no round more as long as another tree is deeper.
 *
 * @param fits whether a manifest with these segments is small enough
 * @returns what fits, or, where nothing makes it fit, the smallest that there is
 */
export const fitSegments = async (segments: readonly Segment[], fits: (segments: readonly Segment[]) => boolean): Promise<FittedSegments> => {
  const fitted = [...segments]
  const blocks: GivenBlock[] = []
  const byDepth = segments.map((_, i) => i).sort((a, b) => levelOf(segments[a]!) - levelOf(segments[b]!) || segments[b]!.keys.data.byteLength - segments[a]!.keys.data.byteLength)
  for (const i of byDepth) {
    if (fits(fitted)) break
    const segment = segments[i]!
    const level = levelOf(segment) + 1
    if (level > MAX_KEY_DEPTH) continue
    const bytes = encodeIndexBlock(segment.keys)
    const cid = await cidOf(bytes, DAG_CBOR)
    blocks.push({ cid, bytes })
    fitted[i] = { ...segment, keys: { cid, ...encodeNode({ level, separators: [], children: [cid] }) } }
  }
  return { segments: fitted, blocks }
}

/** 0 of a single leaf. */
const levelOf = ({ keys: { data } }: Segment): number => (data[0] === NODE ? data[1]! : 0)
