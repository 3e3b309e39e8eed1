import { execFile, type ChildProcess } from 'node:child_process'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, requireExecutable, startProcess, type Service } from './service.ts'

const run = promisify(execFile)

export interface PostgresService extends Service {
  readonly user: string
  readonly password: string
  /** `postgres://user:password@127.0.0.1:port/postgres` */
  readonly url: string
}

/** A PostgreSQL cluster in a folder of its own, with password authentication. @param location an empty folder for its data */
export const openPostgresService = async ({ location }: { location?: string } = {}): Promise<PostgresService> => {
  const directory = location ?? await mkdtemp(join(tmpdir(), 'mercury-postgres-'))
  const bin = dirname(requireExecutable('PostgreSQL'))
  const data = join(directory, 'data')
  const [user, password] = ['mercury', 'the-secret-of-the-tests']
  const port = await freePort()
  let child: ChildProcess | undefined

  if (process.getuid?.() === 0) {
    const { stdout } = await run('id', ['-u', 'postgres'])
    await chown(directory, Number(stdout), Number((await run('id', ['-g', 'postgres'])).stdout))
  }
  const passwordFile = join(directory, 'password')
  await writeFile(passwordFile, password)
  await asOwner(join(bin, 'initdb'), ['--pgdata', data, '--username', user, '--pwfile', passwordFile, '--auth', 'scram-sha-256', '--encoding', 'UTF8', '--no-locale'])

  const start = async (): Promise<void> => {
    const [command, args] = ownerCommand(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${directory}`, '-c', 'max_connections=50'])
    child = await startProcess(command, args, { port })
    // It takes connections before it is ready for queries.
    while (!(await run(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]).then(() => true, () => false)));
  }
  const stop = async (): Promise<void> => {
    if (!child) return
    await asOwner(join(bin, 'pg_ctl'), ['stop', '-D', data, '-m', 'immediate', '-w'])
    child = undefined
  }

  await start()
  return {
    port,
    user,
    password,
    url: `postgres://${user}:${password}@127.0.0.1:${port}/postgres`,
    start,
    stop,
    async close () {
      await stop()
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** PostgreSQL refuses to run as root. */
const ownerCommand = (command: string, args: readonly string[]): [string, string[]] =>
  process.getuid?.() === 0 ? ['runuser', ['-u', 'postgres', '--', command, ...args]] : [command, [...args]]

const asOwner = async (command: string, args: readonly string[]): Promise<void> => {
  // Else it inherits a folder that its owner may not enter.
  await run(...ownerCommand(command, args), { cwd: '/' })
}
