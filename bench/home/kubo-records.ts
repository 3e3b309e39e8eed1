import { openKuboNetwork, type KuboNetwork } from '../../test/services/kubo.ts'
import { IPNS_RECORD_TYPE } from '../../src/naming/name-router.ts'
import type { ProfileId } from '../../src/identity/profile-id.ts'

export interface KuboRecords {
  /** Of the gateway that serves `/routing/v1`. */
  readonly port: number
  close(): Promise<void>
}

/** Nodes of one DHT that hold the records between them: each record is put through one, and is local to all. */
const NODES = 2

/** A Kubo that holds `records` and serves them over its own `/routing/v1`, as its users run it: with its DHT. */
export const openKuboRecords = async (records: ReadonlyMap<ProfileId, Uint8Array>): Promise<KuboRecords> => {
  const network = await openKuboNetwork(NODES)
  try {
    await putAll(network, records)
  } catch (error) {
    await network.close()
    throw error
  }
  return { port: network.nodes[0]!.gatewayPort, close: () => network.close() }
}

const putAll = async ({ nodes: [node] }: KuboNetwork, records: ReadonlyMap<ProfileId, Uint8Array>): Promise<void> => {
  const waiting = [...records]
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [id, record] = next
      const response = await fetch(`${node!.gateway}/routing/v1/ipns/${id}`, { method: 'PUT', headers: { 'content-type': IPNS_RECORD_TYPE }, body: Uint8Array.from(record) })
      if (response.status !== 200) throw new Error(`Kubo took a record with ${response.status}: ${await response.text()}`)
      await response.arrayBuffer()
    }
  }))
}
