import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Makes the lists beside this file from the unpacked source distribution of PyPI's `names` 0.3.0: `node bench/search/data/derive.ts names-0.3.0`. */
const [source = ''] = process.argv.slice(2)
/** Rarer names than one in a million have no frequency of their own there, only sums; so many of them share one line. */
const TAIL_NAMES = 4_000

const derive = (file: string): string => {
  const rows = readFileSync(join(source, 'names', file), 'ascii').trimEnd().split('\n').map((line) => line.split(/ +/))
  const lines: string[] = []
  let before = 0
  for (let from = 0; from < rows.length;) {
    const frequency = rows[from]![1]
    const most = frequency === '0.000' ? TAIL_NAMES : rows.length
    let to = from + 1
    while (to < rows.length && rows[to]![1] === frequency && to - from < most) to++
    const cumulative = Math.round(Number(rows[to - 1]![2]) * 1_000)
    // A frequency is rounded, a sum is not: of a group, the sum says more.
    lines.push(`${Math.max(1, cumulative - before)} ${rows.slice(from, to).map(([name]) => name!.toLowerCase()).join(' ')}`)
    before = cumulative
    from = to
  }
  return `${lines.join('\n')}\n`
}

for (const [file, target] of [['dist.all.last', 'us-surnames.txt'], ['dist.female.first', 'us-given-female.txt'], ['dist.male.first', 'us-given-male.txt']] as const) {
  writeFileSync(new URL(target, import.meta.url), derive(file))
}
