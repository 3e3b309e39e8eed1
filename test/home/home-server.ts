import { openHttpServer, type HttpServerOptions } from './open-http-server.ts'
import type { HomeServer } from '../../src/home/server.ts'
import { createHashStore, createMemoryStore, createRecord, signDocument, type HashStore, type NameRouter, type Profiles, type Signer, type KeyValueStore } from '../../src/index.ts'
import { NOON, openDevice } from '../client/world.ts'

export interface TestHome {
  readonly server: HomeServer
  readonly profiles: Profiles
  readonly blocks: HashStore
  readonly state: KeyValueStore
  readonly lines: string[]
  close(): Promise<void>
}

/** A home on loopback that takes anybody's records, at noon. */
export const openTestHome = async ({ routers = [], ...options }: { routers?: NameRouter[] } & Partial<HttpServerOptions> = {}): Promise<TestHome> => {
  const blocks = createHashStore(createMemoryStore())
  const { profiles, state } = openDevice({ blocks, routers })
  const lines: string[] = []
  const server = await openHttpServer({ profiles, blocks, state, routers, clock: () => NOON, log: (line) => lines.push(line), ...options })
  return {
    server,
    profiles,
    blocks,
    state,
    lines,
    async close () {
      await server.close({ graceMs: 100 })
      await profiles.close()
    }
  }
}

/** A signed version `seq` of `signer`'s profile. */
export const versionOf = async (signer: Signer, name: string, { seq = 1_795_000_000, ttlMs = 300_000 }: { seq?: number; ttlMs?: number } = {}): Promise<Uint8Array> =>
  createRecord(await signDocument({ name }, signer, { seq, prev: null, time: 1_795_000_000 }), signer, { now: NOON, ttlMs })
