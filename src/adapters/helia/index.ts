export { createHeliaStore, type HeliaStoreOptions } from './store.ts'
export { AMINO_DHT, LAN_DHT, openHeliaNode, type HeliaNode, type HeliaNodeOptions, type HeliaServices, type NetworkedHelia } from './node.ts'
export { createPubsubRouter, type PubsubRouterOptions } from './pubsub.ts'
export { createHeliaRouter, type HeliaRouterOptions } from './router.ts'
