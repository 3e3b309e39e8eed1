import { once } from 'node:events'
import { openHome } from '../../src/home.ts'
import type { HomeMessage, HomeQuestion } from './running-home.ts'

/** A home in a process of its own, so that its memory is its own and the load takes nothing from it but its turns. */
const [directory = '', port = '0', node = '', publicUrl = ''] = process.argv.slice(2)
const started = performance.now()
const home = await openHome({
  directory,
  policy: 'open',
  http: { host: '127.0.0.1', port: Number(port) },
  ...(publicUrl === '' ? {} : { publicUrls: [publicUrl] }),
  // All requests come through a proxy here, for 100,000 devices of an address each.
  trustProxy: ['127.0.0.1'],
  ...(node === 'node' ? { dhtProtocol: '/mercury/bench/kad/1.0.0', bootstrap: [] } : { blocks: 'level', routers: [] }),
  onError: (error) => { throw error }
})
const say = (message: HomeMessage): void => void process.send!(message)
process.on('message', (question: HomeQuestion) => {
  if (question === 'memory') {
    globalThis.gc?.()
    say({ rss: process.memoryUsage.rss(), cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1_000 })
  }
})
const disconnected = once(process, 'disconnect')
say({ id: home.id, port: Number(new URL(home.url!).port), startMs: performance.now() - started })
await disconnected
await home.close()
