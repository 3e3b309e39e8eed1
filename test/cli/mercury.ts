import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const NODE = resolve('node_modules/.bin/node')
const COMMAND = resolve('src/cli/mercury.ts')
/** Stripping the types of every file takes most of a short command's time. */
const COMPILED = resolve('node_modules/.cache/mercury-cli')

/** What commands say with `--json`, each of it where it belongs. */
export interface Told {
  event: string
  id: string
  cid: string
  sequence: number
  words: string[]
  personas: { index: number; id: string }[]
  current: string
  index: number
  link: string
  pending: string[]
  receipts: { target: string; outcome: string }[]
  kept: number
  owed: { id: string; targets: string[] }[]
  node: { peerId: string; addresses: string[] } | null
  peerId: string
  addresses: string[]
  http: string
  persona: { id: string; link: string }
  profile: { name: string }
  archive: string
  initialised: boolean
  directory: string
  commands: { name: string }[]
}

/** What came of a command. */
export class Ended {
  /** The exit status, or null after a signal. */
  readonly status: number | null
  readonly bytes: Uint8Array
  readonly stdout: string
  readonly stderr: string

  constructor (status: number | null, bytes: Buffer, stderr: string) {
    this.status = status
    this.bytes = bytes
    this.stdout = bytes.toString()
    this.stderr = stderr
  }

  /** Of stdout. */
  get json (): Told {
    return JSON.parse(this.stdout) as Told
  }
}

export interface RunOptions {
  /** What is piped in; nothing by default, and the pipe is closed. */
  stdin?: string | Uint8Array
  env?: Record<string, string>
  cwd?: string
}

/** The command as a child of its own session: there is no terminal that it could ask on. */
export const start = (argv: readonly string[], { env = {}, cwd }: RunOptions = {}): ChildProcessWithoutNullStreams => {
  const { MERCURY_PASSPHRASE: _, ...inherited } = process.env
  return spawn(NODE, [COMMAND, ...argv], { cwd, env: { ...inherited, NODE_COMPILE_CACHE: COMPILED, ...env }, detached: true, stdio: 'pipe' })
}

/** Runs the command to its end. */
export const mercury = async (argv: readonly string[], options: RunOptions = {}): Promise<Ended> => {
  const child = start(argv, options)
  // A command that does not read its input may be gone before it is written.
  child.stdin.on('error', () => undefined).end(options.stdin ?? '')
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  const [status] = await once(child, 'close') as [number | null]
  return new Ended(status, out(), err().toString())
}

const collect = (stream: NodeJS.ReadableStream): (() => Buffer) => {
  const parts: Buffer[] = []
  stream.on('data', (part: Buffer) => parts.push(part))
  return () => Buffer.concat(parts)
}

/** The error that a command with `--json` told. */
export const errorOf = ({ stderr }: Ended): { code: string; message: string } => (JSON.parse(stderr.trim().split('\n').at(-1)!) as { error: { code: string; message: string } }).error

/** The first line of JSON on stdout that `wanted` is true for. */
export const nextLine = async (child: ChildProcessWithoutNullStreams, wanted: (line: Told) => boolean = () => true): Promise<Told> => {
  let waiting = ''
  let told = ''
  child.stderr.on('data', (part: Buffer) => { told += part.toString() })
  for await (const part of child.stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const lines = (waiting + part.toString()).split('\n')
    waiting = lines.pop()!
    const found = lines.map((line) => JSON.parse(line) as Told).find(wanted)
    if (found) return found
  }
  throw new Error(`the command ended without saying it: ${told}`)
}

/** A folder that is removed by `cleanUp`. */
export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'mercury-cli-'))
  folders.push(folder)
  return folder
}

export const cleanUp = async (): Promise<void> => {
  await Promise.all(folders.splice(0).map(async (folder) => rm(folder, { recursive: true, force: true })))
}

const folders: string[] = []
