import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseProfileId, type ProfileId } from '../../src/identity/profile-id.ts'

export type HomeQuestion = 'memory'
export type HomeMessage = { id: string; port: number; startMs: number } | Usage

export interface Usage {
  /** Resident, in bytes, after a garbage collection. */
  readonly rss: number
  /** So far. */
  readonly cpuMs: number
}

export interface RunningHome {
  readonly id: ProfileId
  readonly port: number
  /** From the start of the program, its imports apart, to when it answers. */
  readonly startMs: number
  usage(): Promise<Usage>
  close(): Promise<void>
}

/** @param options `port`: where it listens, one that is free by default. `publicUrl`: where others reach it, the same by default. `node`: with the IPFS node that `mercury serve` runs by default; else over LevelDB alone, which delivers to nobody */
export const openRunningHome = async (directory: string, { port = 0, node = false, publicUrl = '' }: { port?: number; node?: boolean; publicUrl?: string } = {}): Promise<RunningHome> => {
  const child = fork(new URL('home-process.ts', import.meta.url), [directory, String(port), node ? 'node' : '', publicUrl], { execArgv: ['--expose-gc', '--max-semi-space-size=16'] })
  const exited = once(child, 'exit')
  const message = async (): Promise<HomeMessage> => {
    const [content] = (await Promise.race([once(child, 'message'), exited])) as [HomeMessage | number | null]
    if (typeof content === 'number' || content === null) throw new Error(`the home ended with status ${content}`)
    return content
  }
  const ready = await message()
  if (!('port' in ready)) throw new Error('the home did not say where it listens')
  return {
    id: parseProfileId(ready.id),
    port: ready.port,
    startMs: ready.startMs,
    async usage () {
      child.send('memory' satisfies HomeQuestion)
      return await message() as Usage
    },
    async close () {
      child.disconnect()
      await exited
    }
  }
}
