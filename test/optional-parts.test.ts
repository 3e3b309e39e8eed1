import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = new URL('..', import.meta.url).pathname
const { dependencies, peerDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string>; peerDependencies: Record<string, string> }

/** How each entry comes to load what it needs, and that; opening may fail afterwards, as nobody is there. */
const ENTRIES: Readonly<Record<string, { open: string; needs: readonly string[] }>> = {
  fs: { open: 'await (await entry.openFsStore({ location: join(folder, "fs") })).close()', needs: [] },
  delegated: { open: 'await Array.fromAsync(entry.createDelegatedRouter({ url: "http://127.0.0.1:9", allowPrivate: true }).get(id))', needs: [] },
  gateway: { open: 'await entry.createGatewayStore({ urls: ["http://127.0.0.1:9"], allowPrivate: true }).get(cid)', needs: [] },
  kubo: { open: 'await entry.createKuboStore({ url: "http://127.0.0.1:9" }).get(cid)', needs: [] },
  level: { open: 'await (await entry.openLevelStore({ location: join(folder, "level") })).close()', needs: ['classic-level'] },
  postgres: { open: 'await entry.openPostgresStore({ url: "postgres://nobody@127.0.0.1:9/none" })', needs: ['pg'] },
  s3: { open: 'await entry.createS3Store({ bucket: "none", endpoint: "http://127.0.0.1:9", allowPrivate: true, credentials: { accessKeyId: "a", secretAccessKey: "b" } }).get(cid)', needs: ['aws4fetch'] },
  bittorrent: { open: 'await (await entry.openBittorrentNode({ host: "127.0.0.1" })).close()', needs: ['bittorrent-dht'] },
  vcard: { open: 'await entry.parseVcard("BEGIN:VCARD\\r\\nVERSION:4.0\\r\\nFN:Alice\\r\\nEND:VCARD\\r\\n")', needs: [] },
  helia: { open: 'await (await entry.openHeliaNode({})).close()', needs: Object.keys(peerDependencies).filter((name) => /libp2p|helia|chainsafe|multiaddr|dag-cbor|blockstore|datastore/.test(name)) }
}

const program = (name: string): string => `
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
const loaded = new Set()
registerHooks({ resolve: (specifier, context, next) => { loaded.add(specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')); return next(specifier, context) } })
const [, , folder] = process.argv
const cid = CID.parse('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
const id = 'k51qzi5uqu5djmw2yvf8kk5cdjc1ddc00o4d5sjwi6f79xzcay9j3gkddw5uu4'
const entry = await import('mercury-profiles/${name}')
const atImport = [...loaded]
let error
try { ${ENTRIES[name]!.open} } catch (thrown) { error = { code: thrown?.code, message: thrown?.message } }
console.log(JSON.stringify({ atImport, loaded: [...loaded], error }))
`

interface Told {
  atImport: string[]
  loaded: string[]
  error?: { code?: string; message: string }
}

let folder: string
/** The package as somebody has it who installed nothing else. */
let bare: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mercury-parts-'))
  bare = join(folder, 'bare')
  await mkdir(join(bare, 'node_modules'), { recursive: true })
  await cp(join(root, 'dist'), join(bare, 'dist'), { recursive: true })
  await cp(join(root, 'package.json'), join(bare, 'package.json'))
  for (const name of Object.keys(dependencies)) {
    await mkdir(dirname(join(bare, 'node_modules', name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(bare, 'node_modules', name))
  }
})
afterAll(() => rm(folder, { recursive: true }))

const run = async (name: string, where: string): Promise<Told> => {
  const file = join(where, `dist/parts-${name}.mjs`)
  await writeFile(file, program(name))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [file, folder])
    return JSON.parse(stdout) as Told
  } finally {
    await rm(file)
  }
}

const backends = (packages: readonly string[]): string[] => packages.filter((name) => Object.hasOwn(peerDependencies, name)).sort()

describe.each(Object.keys(ENTRIES))('mercury-profiles/%s', (name) => {
  const { needs } = ENTRIES[name]!

  it('loads no library of another entry, and none before it is opened', async () => {
    const { atImport, loaded } = await run(name, root)
    expect(backends(atImport)).toEqual([])
    // A library may bring what is a peer elsewhere, as Helia brings LevelDB; what this package asks for is in the list.
    if (name === 'helia') expect(backends(loaded)).not.toEqual(expect.arrayContaining(['pg']))
    else expect(backends(loaded)).toEqual([...needs].sort())
    for (const other of ['pg', 'aws4fetch', 'bittorrent-dht', 'ical.js', 'helia', 'vitest']) if (!needs.includes(other)) expect(loaded).not.toContain(other)
  })

  it('works without, or says what to install', async () => {
    const { error } = await run(name, bare)
    if (needs.length === 0) return expect(error?.code).not.toBe('MISSING_DEPENDENCY')
    expect(error?.code).toBe('MISSING_DEPENDENCY')
    const [, packages] = /^mercury-profiles\/\S+ needs packages that are not installed; run: npm install (.+)$/.exec(error!.message)!
    for (const wanted of packages!.split(' ')) {
      const [, name, wantedVersion] = /^(.+)@(.+)$/.exec(wanted)!
      expect(peerDependencies[name!], name).toBe(wantedVersion)
    }
  })
})

it('the core loads no backend, and needs none', async () => {
  await writeFile(join(bare, 'core.mjs'), "console.log(typeof (await import('mercury-profiles')).createProfiles)")
  expect((await promisify(execFile)(process.execPath, [join(bare, 'core.mjs')])).stdout.trim()).toBe('function')
})
