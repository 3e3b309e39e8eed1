/**
 * Stops the timer of one second that libp2p 3.3 starts when it ceases to listen, to write to a store that is closed by then.
 * Call it when the node has stopped.
 */
export const stopAddressTimer = (addressManager: object): void => {
  const update: unknown = Reflect.get(addressManager, '_updatePeerStoreAddresses')
  if (typeof update === 'function' && 'stop' in update && typeof update.stop === 'function') update.stop()
}

/**
 * What clears the heartbeat of gossipsub 17, which its own `stop` forgets along with the state that holds it.
 * Take it before the node stops, call it after.
 */
export const heartbeatStopper = (pubsub: object | undefined): (() => void) => {
  const status: unknown = pubsub && Reflect.get(pubsub, 'status')
  return () => {
    if (typeof status === 'object' && status !== null && 'heartbeatTimeout' in status) clearTimeout(status.heartbeatTimeout as NodeJS.Timeout)
  }
}
