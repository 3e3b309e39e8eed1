import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { equals } from 'uint8arrays'
import { expect } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import type { KeyValueStore } from '../../src/store/key-value-store.ts'
import { KEPT_BATCHES, KEYS_PER_BATCH, WRITERS, keyOf } from './crash-writer.ts'

/** By default. */
const ROUNDS = 20

/** Generous: 20 processes start, and a busy machine is no failure. */
export const KILL_TEST_TIMEOUT_MS = 600_000

/** Kills a process that writes to the store at `location`, again and again at other moments, and looks at what it left. */
export const expectToSurviveKills = async (kind: 'level' | 'fs' | 'postgres', location: string, open: () => Promise<KeyValueStore>, rounds = ROUNDS): Promise<void> => {
  const lastByWriter = new Map<string, number>()
  for (let round = 0; round < rounds; round++) {
    const acknowledged = await killAfter(kind, location, round, 1 + ((round * 17) % 40))
    const store = await open()
    for (let writer = 0; writer < WRITERS; writer++) {
      const last = await lastBatch(store, round, writer)
      expect(last, `round ${round}, writer ${writer}: an acknowledged batch is lost`).toBeGreaterThanOrEqual(acknowledged.get(writer) ?? -1)
      expect(last, `round ${round}, writer ${writer}: more is written than was asked`).toBeLessThanOrEqual((acknowledged.get(writer) ?? -1) + 1)
      lastByWriter.set(`${round}/${writer}`, last)
    }
    await store.close()
  }
  const store = await open()
  for (const [name, last] of lastByWriter) {
    const [round, writer] = name.split('/').map(Number) as [number, number]
    expect(await lastBatch(store, round, writer), `what round ${round} left was changed by a later one`).toBe(last)
  }
  await store.close()
}

/** The last batch that is there, having made sure that it and those before it are there whole and none older. */
const lastBatch = async (store: KeyValueStore, round: number, writer: number): Promise<number> => {
  const found: [string, Uint8Array][] = []
  for await (const entry of store.entries({ prefix: `${round}/${writer}/` })) found.push(entry)
  const last = found.length === 0 ? -1 : Number(found.at(-1)![0].split('/')[2])
  const expected: [string, Uint8Array][] = []
  for (let batch = Math.max(0, last - KEPT_BATCHES + 1); batch <= last; batch++) {
    for (let key = 0; key < KEYS_PER_BATCH; key++) expected.push([keyOf(round, writer, batch, key), utf8(keyOf(round, writer, batch, key).repeat(1 + batch % 50))])
  }
  expect(found.map(([key]) => key), `round ${round}, writer ${writer}: a batch is half there`).toEqual(expected.map(([key]) => key))
  expect(found.filter(([, value], i) => !equals(value, expected[i]![1])).map(([key]) => key), 'values that are not what was written').toEqual([])
  return last
}

/** The last acknowledged batch of each writer. */
const killAfter = async (kind: string, location: string, round: number, lines: number): Promise<Map<number, number>> => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('crash-writer.ts', import.meta.url)), kind, location, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged = new Map<number, number>()
  const ended = once(child, 'exit')
  let seen = 0
  for await (const line of createInterface(child.stdout)) {
    const [writer, batch] = line.split(' ').map(Number) as [number, number]
    acknowledged.set(writer, batch)
    if (++seen === lines) setTimeout(() => child.kill('SIGKILL'), (round % 5) * 0.7)
  }
  await ended
  expect(seen, 'the writer ended by itself').toBeGreaterThanOrEqual(lines)
  return acknowledged
}
