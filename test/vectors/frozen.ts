import { readFileSync, writeFileSync } from 'node:fs'

const pathOf = (name: string): URL => new URL(`${name}.json`, import.meta.url)

/** The vectors of this project that stand in `<name>.json` beside this file. Each of `lists` must hold some, so that no test over them tests nothing. */
export const readFrozen = <T>(name: string, ...lists: readonly (keyof T)[]): T => {
  const vectors = JSON.parse(frozenText(name)) as T
  for (const list of lists) {
    const cases: unknown = vectors[list]
    if (!Array.isArray(cases) || cases.length === 0) throw new Error(`${name}.json has no ${String(list)}`)
  }
  return vectors
}

export const frozenText = (name: string): string => readFileSync(pathOf(name), 'utf8')

/** For the make scripts: writes them, one case a line. */
export const writeFrozen = (name: string, vectors: Frozen): void => writeFileSync(pathOf(name), renderFrozen(vectors))

interface Frozen { readonly [list: string]: string | readonly object[] }

/** The text of a file of vectors, so that a test can tell whether its script still makes it. */
export const renderFrozen = (vectors: Frozen): string => {
  const lists = Object.entries(vectors).map(([list, value]) => {
    const text = typeof value === 'string' ? JSON.stringify(value) : `[\n${value.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')}\n  ]`
    return `  ${JSON.stringify(list)}: ${text}`
  })
  return `{\n${lists.join(',\n')}\n}\n`
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
export const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
