import { readFile, readdir } from 'node:fs/promises'
import { generateSeedPhrase, openSeed } from '../../src/index.ts'
import { openMercury } from '../../src/node.ts'
import { parseProfileFile, readPicture } from '../../src/cli/profile-file.ts'

/** An app that publishes for everybody in `examples/`, each under a key of their own, prints a line of JSON for each, and stays until it is killed. */
const [directory, bootstrap, dhtProtocol] = process.argv.slice(2) as [string, string, string]
const examples = new URL('..', import.meta.url).pathname

const { profiles } = await openMercury({ directory, bootstrap: [bootstrap], dhtProtocol, dht: 'server' })
for (const file of (await readdir(examples)).filter((name) => name.endsWith('.yaml')).sort()) {
  const words = generateSeedPhrase()
  const owner = await (await openSeed(words)).persona(0)
  const started = performance.now()
  const content = parseProfileFile(await readFile(new URL(file, `file://${examples}`)))
  const picture = await readPicture(content, examples)
  const avatar = picture && (await profiles.attach(picture.bytes, { type: picture.type }))
  const { id, sequence } = await profiles.publish({ ...content, avatar }, owner, { wait: 'all' })
  console.log(JSON.stringify({ file, id, sequence: Number(sequence), name: content.name, words, ms: performance.now() - started }))
}
console.log(JSON.stringify({ done: true }))
