import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseProfileId } from '../../src/identity/profile-id.ts'
import { readProfileRecord, selectRecord, verifyIpnsRecord } from '../../src/naming/record.ts'
import { publishedFolder } from '../vectors/published.ts'

/** ipfs/gateway-conformance `fixtures/ipns_records`; the verdicts are those of the vectors' README. */
const VERDICTS: ReadonlyArray<readonly [ending: string, verdict: string]> = [
  ['_v1.ipns-record', 'INVALID_RECORD'],
  ['_v1-v2.ipns-record', 'accept'],
  ['_v1-v2-broken-v1-value.ipns-record', 'INVALID_RECORD'],
  ['_v1-v2-broken-signature-v1.ipns-record', 'accept'],
  ['_v1-v2-broken-signature-v2.ipns-record', 'INVALID_SIGNATURE'],
  ['_v2.ipns-record', 'accept']
]
const folder = join(publishedFolder, 'ipns-records')
const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.ipns-record')) : []

describe('the published IPNS records', () => {
  it.skipIf(files.length === 0)(files.length > 0 ? 'are all there' : `SKIPPED: there are none in ${folder}; set MERCURY_VECTORS`, () => {
    expect(files.map((file) => VERDICTS.findIndex(([ending]) => file.endsWith(ending))).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5])
  })

  for (const file of files) {
    const id = parseProfileId(file.split('_')[0]!)
    const bytes = readFileSync(join(folder, file))
    const [, verdict] = VERDICTS.find(([ending]) => file.endsWith(ending))!

    it(`${verdict}: ${file}`, async () => {
      expect(await verifyIpnsRecord(id, bytes).then(() => 'accept', codeOf)).toBe(verdict)
    })

    it(`no profile: ${file}`, async () => {
      expect(await readProfileRecord(id, bytes).then(() => 'accept', codeOf)).toBe(verdict === 'accept' ? 'NOT_A_PROFILE' : verdict)
      expect(await selectRecord(id, [bytes])).toBeUndefined()
    })
  }
})

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code
