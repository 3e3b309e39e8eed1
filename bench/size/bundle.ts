import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const ROOT = join(import.meta.dirname, '../..')

export interface Bundle {
  readonly code: Uint8Array
  readonly bytes: number
  readonly gzipBytes: number
  /** Paths from the root of the repository. */
  readonly inputs: readonly string[]
  /** What the bundle still imports. */
  readonly externals: readonly string[]
}

/** `source` with all it imports, as a page would load it. */
export const bundle = async (source: string): Promise<Bundle> => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: ROOT, loader: 'ts', sourcefile: 'entry.ts' },
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'warning'
  })
  const code = outputFiles[0]!.contents
  const output = Object.values(metafile.outputs)[0]!
  return {
    code,
    bytes: code.byteLength,
    gzipBytes: gzipSync(code, { level: 9 }).byteLength,
    inputs: Object.keys(metafile.inputs).filter((path) => path !== 'entry.ts'),
    externals: output.imports.map(({ path }) => path)
  }
}

/** What has no business in the core: anything but its own files and the dependencies of package.json; Node's modules stay as imports and so show up here. */
export const strangersIn = ({ inputs, externals }: Bundle): string[] => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
  const isOwn = (path: string): boolean => /^src\/(?!(adapters|home|cli|testing|node)[/.])/.test(path)
  const isDependency = (path: string): boolean => Object.keys(dependencies).some((name) => path.startsWith(`node_modules/${name}/`))
  return [...externals, ...inputs.filter((path) => !isOwn(path) && !isDependency(path))]
}
