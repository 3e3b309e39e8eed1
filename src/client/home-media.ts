import type { CID } from 'multiformats/cid'
import { HomeUnreachableError, type HomeClient } from '../hosting/home-client.ts'
import type { MessageSigner } from '../identity/signed-map.ts'
import { getBlock, verifyBlock } from '../store/block.ts'
import { linksOf } from '../store/block-links.ts'
import { encodeCar, type CarBlock } from '../store/car.ts'
import { mapConcurrently } from '../store/concurrent.ts'
import { hashName, type HashStore, type HashStoreOptions } from '../store/hash-store.ts'
import { SHA2_256 } from '../store/sha256.ts'
import { walkDag } from '../store/walk-dag.ts'
import type { HomeContact } from './home-contact.ts'

/** How many links of one document a home is asked for; of a document with more, all are sent. */
const MAX_ASKED = 32

export interface MediaOptions {
  blocks: HashStore
  /** Who may have a block that is not here; @default only what this device has is sent */
  holders?: readonly HomeContact[]
  signal?: AbortSignal | undefined
}

export interface UploadedMedia {
  /** Blocks that were sent, the document among them; none where the home has all. */
  readonly blocks: number
  readonly bytes: number
  /** Linked blocks that could not be had. */
  readonly missing: readonly CID[]
}

/**
 * Sends a home what a document links to and what the home does not have, as one CAR rooted in the document.
 *
 * @throws HomeRefusedError, HomeUnreachableError, LimitError for a DAG over the limits of pins
 */
export const uploadMedia = async ({ cid, bytes: document }: CarBlock, contact: HomeContact, signer: MessageSigner, { blocks, holders, signal }: MediaOptions): Promise<UploadedMedia> => {
  const links = distinct(linksOf(cid, document))
  const wanted = links.length > MAX_ASKED ? links : await missingAt(contact, links, signal)
  if (wanted.length === 0) return { blocks: 0, bytes: 0, missing: [] }
  const bytesByHash = new Map<string, Uint8Array>()
  const missing: CID[] = []
  const source = holders ? withHolders(blocks, holders) : { ...blocks, get: (link: CID, options?: { signal?: AbortSignal }) => blocks.get(link, { ...options, offline: true }) }
  const collecting: HashStore = {
    ...source,
    async get (link, options) {
      const bytes = await getBlock(source, link, options)
      if (bytes) bytesByHash.set(hashName(link), bytes)
      return bytes
    }
  }
  const found = await walkDag(collecting, wanted, {
    signal,
    onFailure (link) {
      signal?.throwIfAborted()
      missing.push(link)
    }
  })
  if (found.size === 0) return { blocks: 0, bytes: 0, missing }
  const sections = [{ cid, bytes: document }, ...[...found].map(([hash, link]) => ({ cid: link, bytes: bytesByHash.get(hash)! }))]
  const car = encodeCar([cid], sections)
  await contact.ask((client) => client.putBlocks(car, signer, { signal }))
  return { blocks: sections.length, bytes: car.byteLength, missing }
}

/** What can be hosted: a block in its own CID needs no home, and one of another hash is taken by none. */
const distinct = (links: readonly CID[]): CID[] =>
  [...new Map(links.filter(({ multihash }) => multihash.code === SHA2_256 && multihash.digest.byteLength === 32).map((link) => [hashName(link), link])).values()]

const missingAt = async (contact: HomeContact, links: readonly CID[], signal: AbortSignal | undefined): Promise<CID[]> => {
  const answers = await mapConcurrently(links, async (link) => (await contact.ask((client: HomeClient) => client.hasBlock(link, { signal }))).value)
  return links.filter((_, i) => !answers[i])
}

/** Blocks that the store does not have come from homes that may. One that did not answer is asked no more: it would hold up each block. */
const withHolders = (blocks: HashStore, holders: readonly HomeContact[]): HashStore => {
  const silent = new Set<HomeContact>()
  const ask = async (holder: HomeContact, cid: CID, options: HashStoreOptions | undefined): Promise<Uint8Array | undefined> => {
    try {
      return silent.has(holder) ? undefined : (await holder.ask((client) => client.block(cid, options))).value
    } catch (error) {
      if (error instanceof HomeUnreachableError) silent.add(holder)
      throw error
    }
  }
  return {
    ...blocks,
    async get (cid, options) {
      const here = async (): Promise<Uint8Array | undefined> => blocks.get(cid, { ...options, offline: true })
      const there = holders.map((holder) => () => ask(holder, cid, options))
      for (const give of [here, ...there]) {
        const bytes = await give().then(verified(cid)).catch(passOver(options?.signal))
        if (bytes) return bytes
      }
      return blocks.get(cid, options)
    }
  }
}

const verified = (cid: CID) => async (bytes: Uint8Array | undefined): Promise<Uint8Array | undefined> => {
  if (bytes) await verifyBlock(cid, bytes)
  return bytes
}

/** Whatever keeps one holder from giving a block, the next may have it. */
const passOver = (signal: AbortSignal | undefined) => (): undefined => {
  signal?.throwIfAborted()
}
