#!/usr/bin/env node
/** The command `mercury`: wires the process to the command line, which knows nothing of processes. */

const OLDEST_NODE = [22, 19] as const
const STOP_MS = 10_000
const FAILED = 1
const INTERRUPTED = 130

const main = async (): Promise<number> => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    process.stderr.write(`mercury: Node.js ${OLDEST_NODE.join('.')} or later is needed, this is ${process.versions.node}; update it\n`)
    return FAILED
  }
  const [{ createProcessHost }, { runCommandLine }] = await Promise.all([import('./process-host.ts'), import('./run.ts')])
  const interrupted = new AbortController()
  const interrupt = (): void => {
    // Asked twice, or too slow: what was acknowledged is on disk.
    if (interrupted.signal.aborted) process.exit(INTERRUPTED)
    interrupted.abort(new DOMException('interrupted', 'AbortError'))
    setTimeout(() => process.exit(FAILED), STOP_MS).unref()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  let readerHasGone = false
  const status = await runCommandLine(process.argv.slice(2), createProcessHost({
    signal: interrupted.signal,
    onGone: () => {
      readerHasGone = true
      if (!interrupted.signal.aborted) interrupt()
    }
  }))
  // As `head` leaves: it has what it wanted.
  return readerHasGone ? 0 : status
}

process.exit(await main())
