export { createKuboRouter, type KuboRouterOptions } from './router.ts'
export { createKuboStore, type KuboStoreOptions } from './store.ts'
