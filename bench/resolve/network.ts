import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fromString } from 'uint8arrays'
import { parseProfileId, type ProfileId } from '../../src/identity/profile-id.ts'
import type { Manner } from './routing-server.ts'

/** The network of the benchmark, in a process of its own so that the work of its nodes does not slow down who asks. */
export interface BenchNetwork {
  readonly dhtProtocol: string
  /** Where each node is reached. */
  readonly addresses: readonly string[]
  readonly profiles: readonly PublishedProfile[]
  /** Makes one node, not the one that has the blocks, answer the DHT in this manner from now on. */
  spoilOne(manner: Exclude<Manner, 'right'>): Promise<void>
  close(): Promise<void>
}

export interface PublishedProfile {
  readonly id: ProfileId
  readonly name: string
  readonly record: Uint8Array
}

/** What the process says once it is up; bytes in base64. */
export interface NetworkMessage {
  dhtProtocol: string
  addresses: string[]
  profiles: { id: string; name: string; record: string }[]
}

export interface BenchNetworkOptions {
  nodes: number
  profiles: number
  /** One way, between any two nodes. */
  delayMs: number
}

export const openBenchNetwork = async ({ nodes, profiles, delayMs }: BenchNetworkOptions): Promise<BenchNetwork> => {
  const child = fork(new URL('network-process.ts', import.meta.url), [nodes, profiles, delayMs].map(String))
  const exited = once(child, 'exit')
  const message = async <T>(): Promise<T> => {
    const [content] = (await Promise.race([once(child, 'message'), exited])) as [T | number | null]
    if (typeof content === 'number' || content === null) throw new Error(`the network ended with status ${content}`)
    return content
  }
  const { dhtProtocol, addresses, profiles: published } = await message<NetworkMessage>()
  return {
    dhtProtocol,
    addresses,
    profiles: published.map(({ id, name, record }) => ({ id: parseProfileId(id), name, record: fromString(record, 'base64') })),
    async spoilOne (manner) {
      child.send(manner)
      await message<string>()
    },
    async close () {
      child.disconnect()
      await exited
    }
  }
}
