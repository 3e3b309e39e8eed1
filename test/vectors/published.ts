import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'vitest'

/** Vectors published by others, which are not part of this project. */
export const publishedFolder = process.env.MERCURY_VECTORS ?? fileURLToPath(new URL('../../../shared/vectors', import.meta.url))

/** A suite over the JSON `file` of the published vectors, whose shape the suite's parameter says; where it is absent, one skipped test says so by its name. */
export const describePublished = (name: string, file: string, suite: (vectors: never) => void): void => {
  const path = join(publishedFolder, file)
  const present = existsSync(path)
  describe(`${name} (${file})`, () => {
    if (present) suite(JSON.parse(readFileSync(path, 'utf8')) as never)
    it.skipIf(!present)(present ? 'vectors are present' : `SKIPPED: there is no ${path}; set MERCURY_VECTORS`, () => {})
  })
}
