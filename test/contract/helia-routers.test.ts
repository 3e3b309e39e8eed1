import { createHeliaRouter, createPubsubRouter } from '../../src/adapters/helia/index.ts'
import { topicOf } from '../../src/adapters/helia/pubsub.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { testNameRouter } from '../../src/testing/index.ts'
import { openNetwork } from '../network.ts'

testNameRouter('the DHT', {
  async create () {
    const network = await openNetwork(2)
    return {
      open: async () => createHeliaRouter(network.nodes[0]!.helia),
      destroy: async () => network.close()
    }
  }
})

testNameRouter('pubsub', {
  async create () {
    const network = await openNetwork(2, { node: { pubsub: true } })
    const [near, far] = network.nodes.map(({ helia }) => helia) as [typeof network.nodes[0]['helia'], typeof network.nodes[0]['helia']]
    const other = createPubsubRouter(far)
    // The profiles of the suite have these keys; pubsub takes a record only where somebody listens.
    for (const seed of [1, 2, 3, 4, 5]) {
      const { id } = await createSigner(new Uint8Array(32).fill(seed))
      for await (const _ of other.get(id));
      while (near.libp2p.services.pubsub!.getSubscribers(topicOf(id)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return {
      open: async () => createPubsubRouter(near),
      async announce (id, record) {
        while (far.libp2p.services.pubsub!.getSubscribers(topicOf(id)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
        await other.put(id, record)
      },
      destroy: async () => network.close()
    }
  }
})
