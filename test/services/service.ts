import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe } from 'vitest'
import { executableOf, type ServiceName } from './executables.ts'
import { NOT_THERE } from './not-there.ts'

/** A real server on loopback, of one test file. */
export interface Service {
  readonly port: number
  /** Ends it as a crash would. What it has stored stays. */
  stop(): Promise<void>
  /** Starts it again, on the same port and data. */
  start(): Promise<void>
  /** Ends it for good and removes what it stored. */
  close(): Promise<void>
}

/**
 * Declares tests that need `service`. Where that is not on the machine they are skipped by name, with the command that provides it;
 * where MERCURY_SERVICES_REQUIRED is set they fail.
 */
export const describeWithService = (service: ServiceName, title: string, body: () => void): void => {
  if (executableOf(service)) return void describe(title, body)
  if (process.env.MERCURY_SERVICES_REQUIRED) throw new Error(`${title}: ${service} is not there; run: npm run services`)
  describe.skip(`${title}: ${service} ${NOT_THERE}; provide it with: npm run services`, body)
}

/** The program of `service`, which is there: only tests of {@link describeWithService} run. */
export const requireExecutable = (service: ServiceName): string => {
  const path = executableOf(service)
  if (path === undefined) throw new Error(`${service} is not there; run: npm run services`)
  return path
}

/** Below those that the system hands out by itself: it would give one to another test before the server that it is for has taken it. */
const [FIRST_PORT, LAST_PORT] = [10_000, 32_767]
const given = new Set<number>()

export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT + 1 - FIRST_PORT))
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
}

const isFree = async (port: number): Promise<boolean> => {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** Starts a server program and resolves when `port` answers. */
export const startProcess = async (command: string, args: readonly string[], { port, env = {} }: { port: number; env?: Record<string, string> }): Promise<ChildProcess> => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { if (said.length < 100) said.push(bytes.toString()) })
  await answers(port, () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${command} ended before it answered: ${said.join('').slice(-2_000)}`)
  })
  return child
}

export const killProcess = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Resolves when somebody takes connections on `port`; `check` throws when nobody will. */
export const answers = async (port: number, check: () => void): Promise<void> => {
  while (!(await takesConnections(port))) {
    check()
    await delay(20)
  }
}

const takesConnections = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1')
  const { promise, resolve } = Promise.withResolvers<boolean>()
  socket.on('connect', () => resolve(true))
  socket.on('error', () => resolve(false))
  try {
    return await promise
  } finally {
    socket.destroy()
  }
}
