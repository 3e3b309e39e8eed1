import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createHashStore, createLocalRouter, createPrefixStore, createProfiles, verifyDocument, validateRecord, type ProfileId } from '../../src/index.ts'
import { openLevelStore } from '../../src/adapters/level.ts'

/** Long enough for a few hundred versions, short enough to hit the first one too. */
const MAX_DELAY_MS = 500
const publisher = new URL('publisher.ts', import.meta.url).pathname

export interface CrashReport {
  kills: number
  /** Versions that were acknowledged before a kill. */
  acknowledged: number
  /** Kills that came before the first acknowledgement of their process. */
  early: number
}

/**
 * Kills a publishing process `kills` times at random moments (SIGKILL) and compares after each what it had acknowledged with what is there.
 *
 * @throws when an acknowledged version, its record, its document or its floor is not there
 */
export const crash = async ({ kills, seed = 1, onProgress }: { kills: number; seed?: number; onProgress?: (report: CrashReport) => void }): Promise<CrashReport> => {
  const directory = await mkdtemp(join(tmpdir(), 'mercury-crash-'))
  const random = randomFrom(seed)
  const report: CrashReport = { kills: 0, acknowledged: 0, early: 0 }
  const acknowledged = new Map<ProfileId, { sequence: bigint; cid: string }>()
  try {
    while (report.kills < kills) {
      const lines = await killWhilePublishing(directory, `${seed}.${report.kills}`, random() * MAX_DELAY_MS)
      report.kills++
      report.acknowledged += lines.length
      if (lines.length === 0) report.early++
      for (const [id, sequence, cid] of lines) acknowledged.set(id as ProfileId, { sequence: BigInt(sequence!), cid: cid! })
      await compare(directory, acknowledged)
      onProgress?.(report)
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return report
}

/** The whole lines that the process had printed when it was killed, `delayMs` after it had opened its store. */
const killWhilePublishing = async (directory: string, seed: string, delayMs: number): Promise<string[][]> => {
  const child = spawn(process.execPath, [publisher, directory, seed], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  let timer: NodeJS.Timeout | undefined
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
    timer ??= setTimeout(() => child.kill('SIGKILL'), delayMs)
  })
  const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)))
  if (signal !== 'SIGKILL') throw new Error(`the publisher ended by itself: ${errors}`)
  return output.slice(0, output.lastIndexOf('\n') + 1).split('\n').map((line) => line.split(' ')).filter((words) => words.length === 3)
}

const compare = async (directory: string, acknowledged: ReadonlyMap<ProfileId, { sequence: bigint; cid: string }>): Promise<void> => {
  const store = await openLevelStore({ location: directory })
  const names = createPrefixStore(store, 'names/')
  const profiles = createProfiles({ state: createPrefixStore(store, 'state/'), blocks: createHashStore(createPrefixStore(store, 'blocks/')), routers: [] })
  try {
    for (const [id, expected] of acknowledged) {
      const head = await profiles.resolve(id, { policy: 'offline' })
      if (head.sequence < expected.sequence) throw new Error(`${id} was acknowledged at ${expected.sequence}, but is at ${head.sequence}`)
      if (head.sequence === expected.sequence && head.cid.toString() !== expected.cid) throw new Error(`${id} holds another document at ${head.sequence}`)
      const record = await validateRecord(id, head.recordBytes)
      await verifyDocument(head.documentBytes, { id, cid: record.cid })
      if (BigInt(head.document.seq) !== head.sequence) throw new Error(`${id} has document ${head.document.seq} under record ${head.sequence}`)
    }
    // What the interrupted process owed is delivered by the next one.
    const reopened = createProfiles({ state: createPrefixStore(store, 'state/'), blocks: createHashStore(createPrefixStore(store, 'blocks/')), routers: [createLocalRouter(names)] })
    await reopened.keepAlive()
    for await (const { id, targets } of reopened.owed()) throw new Error(`${id} still owes ${targets.join(', ')}`)
    await reopened.close()
  } finally {
    await profiles.close()
    await store.close()
  }
}

/** mulberry32: small, seeded, the same everywhere. */
const randomFrom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } } })
  const started = performance.now()
  const report = await crash({ kills: Number(values.kills), seed: Number(values.seed), onProgress: ({ kills, acknowledged }) => { if (kills % 100 === 0) console.error(`${kills} kills, ${acknowledged} versions acknowledged, none lost`) } })
  console.log(`${report.kills} kills, ${report.acknowledged} versions acknowledged, none lost; ${report.early} kills came before the first; ${Math.round((performance.now() - started) / 1_000)} s`)
}
