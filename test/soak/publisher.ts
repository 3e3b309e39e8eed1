import { createHashStore, createLocalRouter, createPledge, createPrefixStore, createProfiles, createSigner } from '../../src/index.ts'
import { openLevelStore } from '../../src/adapters/level.ts'

/**
 * Publishes without end, eight profiles at a time, and prints a line for each version that was acknowledged:
 * profile ID, sequence, CID. Killed by its parent at any moment.
 */
const [directory, seed] = process.argv.slice(2) as [string, string]
const store = await openLevelStore({ location: directory })
const profiles = createProfiles({
  state: createPrefixStore(store, 'state/'),
  blocks: createHashStore(createPrefixStore(store, 'blocks/')),
  routers: [createLocalRouter(createPrefixStore(store, 'names/'))]
})

const publishForever = async (number: number): Promise<never> => {
  const key = new Uint8Array(32).fill(number + 1)
  const signer = await createSigner(key, { pledge: await createPledge(await createSigner(key), (await createSigner(key.map((byte) => byte + 100))).publicKey) })
  for (let version = 0; ; version++) {
    const wait = version % 3 === 0 ? 'local' : version % 3 === 1 ? 'any' : 'all'
    const filler = version % 5 === 0 ? { 'org.example.soak/filler': 'x'.repeat(12_000) } : {}
    const picture = version % 4 === 0 ? { avatar: await profiles.attach(new TextEncoder().encode(`${seed}/${number}/${version}`), { type: 'image/png' }) } : {}
    const { id, sequence, cid } = await profiles.publish({ name: `${seed}/${number}/${version}`, ...filler, ...picture }, signer, { wait })
    process.stdout.write(`${id} ${sequence} ${cid.toString()}\n`)
  }
}

process.stdout.write('open\n')
await Promise.all(Array.from({ length: 8 }, (_, number) => publishForever(number)))
