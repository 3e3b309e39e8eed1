import { createHashStore, createPrefixStore, createProfiles } from '../../src/index.ts'
import { createDelegatedRouter } from '../../src/adapters/delegated.ts'
import { createHomeTransport } from '../../src/adapters/home-transport.ts'
import { openLevelStore } from '../../src/adapters/level.ts'
import { signerOf } from './world.ts'

/** Moves a persona, over a state in a directory, and prints each step as it begins; on the step that it is told it waits for ever, to be killed there. */
const [directory, seed, router, home, last] = process.argv.slice(2) as [string, string, string, string, string]
const store = await openLevelStore({ location: directory })
const profiles = createProfiles({
  state: createPrefixStore(store, 'state/'),
  blocks: createHashStore(createPrefixStore(store, 'blocks/')),
  routers: [createDelegatedRouter({ url: router, name: 'north', allowPrivate: true })],
  homes: createHomeTransport({ allowPrivate: true })
})
let reached = 0
await profiles.move(await signerOf(Number(seed)), home, {
  onProgress ({ type }) {
    process.stdout.write(`${type}\n`)
    if (++reached < Number(last)) return
    process.stdout.write('waiting\n')
    // Nothing of this process goes on: that is how it is when it is killed here.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
})
await profiles.close()
await store.close()
process.stdout.write('moved\n')
