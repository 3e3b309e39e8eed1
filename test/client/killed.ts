import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import type { HashStore, KeyValueStore, NameRouter } from '../../src/index.ts'
import { openTransport } from './small-home.ts'

/** What devices share. */
export interface SharedWorld {
  routers: readonly NameRouter[]
  blocks: HashStore
}

/** Everything that a device does to others or writes down, until it is killed: before its `last`-th such step. */
export const killedAfter = (last: number, { routers, blocks }: SharedWorld, state: KeyValueStore): { steps(): number; world: SharedWorld; state: KeyValueStore; transport: HomeTransport } => {
  let steps = 0
  const step = (): void => {
    if (++steps >= last) throw new Error('killed')
  }
  const alive = (): void => {
    if (steps >= last) throw new Error('killed')
  }
  return {
    steps: () => steps,
    world: {
      routers: routers.map((router): NameRouter => ({ ...router, put: async (...given) => { step(); return router.put(...given) }, async * get (...given) { alive(); yield * router.get(...given) } })),
      blocks: { ...blocks, put: async (...given) => { step(); return blocks.put(...given) } } as HashStore
    },
    state: {
      ...state,
      get: async (...given) => { alive(); return state.get(...given) },
      put: async (...given) => { step(); return state.put(...given) },
      delete: async (...given) => { step(); return state.delete(...given) },
      batch: async (...given) => { step(); return state.batch(...given) }
    } as KeyValueStore,
    transport: openTransport({ before: (method) => { if (method === 'GET') alive(); else step() } })
  }
}
