import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const root = new URL('..', import.meta.url).pathname

/**
 * Runs the first TypeScript example of a document as it stands there, inside the built package: it imports it by its name, through its exports, as its users do.
 *
 * @returns the lines it printed, and those that the comments behind its `console.log` promise
 */
export const runPrintedExample = async (document: string): Promise<{ printed: string[]; promised: string[] }> => {
  const [, code] = /```ts\n(.*?)```/s.exec(await readFile(join(root, document), 'utf8'))!
  const directory = await mkdtemp(join(root, 'dist', 'example-'))
  try {
    await writeFile(join(directory, 'example.ts'), code!)
    const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'example.ts')])
    return { printed: stdout.trim().split('\n'), promised: [...code!.matchAll(/^console\.log.* \/\/ (.*)$/gm)].map(([, line]) => line!) }
  } finally {
    await rm(directory, { recursive: true })
  }
}
