import { openHome } from '../../src/home.ts'

/** Run as a program, it is one of several processes of a home: keys in its directory, everything else where it is told. Prints a line once it listens, and runs until it is killed. */
const [directory = '', port = '', state = '', blocks = '', publicUrl = ''] = process.argv.slice(2)
await openHome({
  directory,
  state,
  blocks,
  routers: [],
  policy: 'open',
  http: { host: '127.0.0.1', port: Number(port) },
  publicUrls: [publicUrl],
  // Everybody comes through the balancer, which says nothing of whom it speaks for.
  limits: { connectionsPerAddress: 1_000, burst: 100_000, requestsPerSecond: 100_000, burstAgreements: 100_000 },
  onError: (error) => console.error(error)
})
console.log('listening')
