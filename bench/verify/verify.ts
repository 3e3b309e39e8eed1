import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format, median, type Report } from '../report.ts'
import { writeCorpus } from './corpus.ts'
import type { Measured } from './ours.ts'

const ROUNDS = 3

export const run = async (): Promise<Report> => {
  const directory = mkdtempSync(join(tmpdir(), 'mercury-bench-verify-'))
  try {
    const corpus = join(directory, 'corpus.json')
    await writeCorpus(corpus, 1)
    const rounds = []
    let before = openssl()
    for (let i = 0; i < ROUNDS; i++) {
      const ours = JSON.parse(onOneCore(process.execPath, [join(import.meta.dirname, 'ours.ts'), corpus])) as Measured
      const after = openssl()
      rounds.push({ ...ours, peer: (before + after) / 2 })
      before = after
    }
    return report(rounds)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const report = (rounds: readonly (Measured & { peer: number })[]): Report => {
  const of = (value: (round: Measured & { peer: number }) => number): number => median(rounds.map(value))
  const { documentBytes, recordBytes } = rounds[0]!
  return {
    question: 'How fast is one document verified on one core, against the verification of its signature alone?',
    figures: [
      { what: 'documents / openssl signatures', value: of(({ documents, peer }) => documents / peer), unit: 'x', goal: '>= 0.8' },
      { what: 'documents / node:crypto signatures', value: of(({ documents, signatures }) => documents / signatures), unit: 'x' },
      { what: 'records / openssl signatures', value: of(({ records, peer }) => records / peer), unit: 'x' },
      { what: 'document', value: documentBytes, unit: 'bytes' },
      { what: 'record with its document', value: recordBytes, unit: 'bytes' },
      { what: 'openssl speed ed25519', value: of(({ peer }) => peer), unit: 'verify/s' },
      { what: 'node:crypto, the same signatures', value: of(({ signatures }) => signatures), unit: 'verify/s' },
      { what: 'verifyDocument', value: of(({ documents }) => documents), unit: 'documents/s' },
      { what: 'validateRecord', value: of(({ records }) => records), unit: 'records/s' },
      { what: 'beside the signature, a document', value: of(({ documents, signatures }) => 1e6 / documents - 1e6 / signatures), unit: 'us' },
      { what: 'a document by a key never seen', value: of(({ strangerUs }) => strangerUs), unit: 'us' },
      { what: 'of it, admitting the key and its pledge', value: of(({ strangerUs, documents }) => strangerUs - 1e6 / documents), unit: 'us' }
    ],
    notes: [`medians of ${rounds.length} rounds, each between two runs of openssl`, `lowest and highest ratio: ${rounds.map(({ documents, peer }) => (documents / peer).toFixed(3)).sort().join(', ')}`]
  }
}

/** Ed25519 verifications a second. */
const openssl = (): number => {
  const output = onOneCore('openssl', ['speed', '-seconds', '3', 'ed25519'])
  const rate = Number(/Ed25519\).*\s([\d.]+)\s*$/m.exec(output)?.[1])
  if (!(rate > 0)) throw new Error(`openssl speed said:\n${output}`)
  return rate
}

/** Pinned to a core where the system can; elsewhere CPU time makes up for it. */
const onOneCore = (command: string, args: readonly string[]): string => {
  const [program, words] = hasTaskset() ? ['taskset', ['-c', '0', command, ...args]] as const : [command, args] as const
  return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 24 })
}

const hasTaskset = (): boolean => {
  try {
    execFileSync('taskset', ['-c', '0', process.execPath, '--version'], { stdio: 'ignore' })
    return true
  } catch {
    // Not Linux, or core 0 is not ours.
    return false
  }
}

if (import.meta.main) console.log(format(await run()))
