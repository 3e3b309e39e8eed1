import { readFile } from 'node:fs/promises'
import { createHashStore, createMemoryStore, createSigner, putBlock, verifyArchive } from '../../src/index.ts'
import { openMercury } from '../../src/node.ts'
import { publishIndex } from '../../src/search.ts'
import { formKey, wordKey } from '../../src/search/query/keys.ts'
import { termsOf } from '../../src/search/query/profile-terms.ts'
import { buildSegment } from '../../src/search/segment/build-segment.ts'
import { DAG_CBOR } from '../../src/store/block.ts'

/**
 * Mallory: publishes an index that says that other people are Alice Liddell, and one that has her profile with another signature, prints its name and stays until it is killed.
 * A program of Mercury's does not make such an index; this one writes its keys by hand.
 */
const [directory, bootstrap, dhtProtocol, aliceCar, ...otherCars] = process.argv.slice(2) as [string, string, string, string, ...string[]]

const shelf = createHashStore(createMemoryStore())
const sink = { put: (bytes: Uint8Array) => putBlock(shelf, bytes, DAG_CBOR) }
const alice = await verifyArchive(await readFile(aliceCar))
const forged = Uint8Array.from(alice.documentBytes)
forged[forged.byteLength - 1]! ^= 1
const claimed = [wordKey('alice', 'name'), wordKey('liddell', 'name'), formKey('alice liddell')]
const inputs = [{ digest: (await sink.put(forged)).multihash.digest, quality: 255, keys: termsOf(alice.document, forged.byteLength)!.keys }]
for (const car of otherCars) {
  const { document, documentBytes } = await verifyArchive(await readFile(car))
  inputs.push({ digest: (await sink.put(documentBytes)).multihash.digest, quality: 255, keys: [...termsOf(document, documentBytes.byteLength)!.keys, ...claimed] })
}
const segment = await buildSegment(inputs, sink)
const { blocks, state, routers, addresses } = await openMercury({ directory, bootstrap: [bootstrap], dhtProtocol, dht: 'server' })
const { name } = await publishIndex({
  snapshot: { segments: [segment], blocks: shelf },
  signer: await createSigner(crypto.getRandomValues(new Uint8Array(32))),
  state, blocks, routers,
  providers: addresses,
  coverage: { homes: [], others: { documents: inputs.length, oldest: Math.floor(Date.now() / 1_000) } }
})
console.log(JSON.stringify({ name }))
