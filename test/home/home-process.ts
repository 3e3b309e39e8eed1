import { openLevelStore } from '../../src/adapters/level.ts'
import { createHome } from '../../src/home/create-home.ts'
import { createHashStore, createPrefixStore, createProfiles } from '../../src/index.ts'
import { signerOf } from '../client/world.ts'

/** Run as a program, it is a home over LevelDB at the location that is given, prints where it listens, and runs until it is killed. */
const run = async ([location]: string[]): Promise<void> => {
  const state = await openLevelStore({ location: location! })
  const blocks = createHashStore(createPrefixStore(state, 'blocks/'))
  const profiles = createProfiles({ blocks, routers: [], state })
  const home = await createHome({ signer: await signerOf(1), profiles, state, blocks })
  process.stdout.write(`${home.url}/\n`)
}

if (import.meta.main) await run(process.argv.slice(2))
