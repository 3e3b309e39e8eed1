import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const NODE = resolve('node_modules/.bin/node')
const COMMAND = resolve('src/cli/mercury.ts')
/** Stripping the types of every file takes most of a short command's time. */
const COMPILED = resolve('node_modules/.cache/mercury-cli')

export interface Ended {
  /** The exit status, or null after a signal. */
  readonly status: number | null
  readonly stdout: string
  readonly bytes: Uint8Array
  readonly stderr: string
  /** Of stdout. */
  readonly json: any
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
  const bytes = out()
  return {
    status,
    bytes,
    stdout: bytes.toString(),
    stderr: err().toString(),
    get json () {
      return JSON.parse(bytes.toString())
    }
  }
}

const collect = (stream: NodeJS.ReadableStream): (() => Buffer) => {
  const parts: Buffer[] = []
  stream.on('data', (part: Buffer) => parts.push(part))
  return () => Buffer.concat(parts)
}

/** The error that a command with `--json` told. */
export const errorOf = ({ stderr }: Ended): { code: string; message: string } => (JSON.parse(stderr.trim().split('\n').at(-1)!) as { error: { code: string; message: string } }).error

/** The first line of JSON on stdout that `wanted` is true for. */
export const nextLine = async (child: ChildProcessWithoutNullStreams, wanted: (line: any) => boolean = () => true): Promise<any> => {
  let waiting = ''
  let told = ''
  child.stderr.on('data', (part: Buffer) => { told += part.toString() })
  for await (const part of child.stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const lines = (waiting + part.toString()).split('\n')
    waiting = lines.pop()!
    const found = lines.map((line) => JSON.parse(line)).find(wanted)
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
