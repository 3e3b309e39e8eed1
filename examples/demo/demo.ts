import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { createRecord, createSigner, parseProfileId, signDocument, verifyArchive } from '../../src/index.ts'
import { askMercury, runMercury, start, startMercury, type Talker } from './command.ts'
import { Steps, check, formatMs } from './steps.ts'

/** A DHT of its own: the demonstration talks to nobody outside this machine. */
const DHT = '/mercury/demo/kad/1.0.0'
const examples = new URL('..', import.meta.url).pathname

interface Example { file: string; id: string; sequence: number; name: string; words: string; ms: number }
interface Answer { router: string; outcome: string; reason?: string; code?: string; ms: number }
interface HomeJson { event?: string; id: string; http: string }
interface JoinedJson { home: string; sequence: number | string; media: { blocks: number; bytes: number } }
interface CurrentHomeJson { home: string; addresses: string[]; confirmed: boolean; passedOver: unknown[] }
interface ResolvedJson { id: string; sequence: number | string; freshness: string; source: string; profile: { name?: string; bio?: string; avatar?: { cid: unknown } }; answers: Answer[] }

interface FoundJson { hits: { id: string; name: string; sequence: number; home?: string; sources: string[] }[]; coverage: { sources: { name: string; state: string; documents: number; work: { blocks: number; bytes: number; rounds: number }; dropped: { forged: number; notMatching: number; stale: number } }[] } }

const home = await mkdtemp(join(tmpdir(), 'mercury-demo-'))
const at = (name: string, ...words: string[]): string[] => ['--directory', join(home, name), ...words]
/** For a command that starts a node of its own. */
const nodeAt = (name: string, ...words: string[]): string[] => at(name, '--dht-protocol', DHT, ...words)
const running: { kill(signal: NodeJS.Signals): Promise<void> }[] = []
const steps = new Steps()

const demonstrate = async (): Promise<void> => {
  let bob: Talker
  let address = ''
  await steps.step('Bob starts a node that keeps profiles and answers for them', ['mercury --directory bob serve'], async () => {
    bob = startMercury(nodeAt('bob', 'serve'))
    running.push(bob)
    const started = await bob.line<{ event?: string; peerId: string; addresses: string[] }>(({ event }) => event === 'started')
    address = started.addresses[0]!
    return [address]
  })

  let app: Talker
  const published: Example[] = []
  await steps.step('An app in another process publishes six profiles, each under a key of its own', ['mercury publish examples/alice.yaml', '…'], async () => {
    app = start([join(examples, 'demo/publisher.ts'), join(home, 'app'), address, DHT])
    running.push(app)
    await app.line<Example & { done?: boolean }>((line) => {
      if (!line.done) published.push(line)
      return line.done === true
    })
    check(published.length === 6, `${published.length} profiles were published, not 6`)
    return published.map(({ name, id, ms }) => `${id}  ${formatMs(ms).padStart(7)}  ${name}`)
  })
  const alice = published.find(({ file }) => file === 'alice.yaml')!

  await steps.step('Bob, who has never seen them, resolves each ID and keeps it', ['mercury --directory bob resolve --keep k51…', '…'], () => resolveAll(published, (id) => at('bob', 'resolve', '--keep', id)))

  await steps.step('Their pictures came along: Bob exports each profile and every block is verified', ['mercury --directory bob export k51… > alice.car', 'mercury verify alice.car', '…'], async () => {
    const sizes: string[] = []
    for (const { id, file } of published) {
      const car = await runMercury(at('bob', 'export', id))
      const path = join(home, `${file}.car`)
      await writeFile(path, car)
      await askMercury(['verify', path])
      const { blocks, missing } = await verifyArchive(car, { id: parseProfileId(id) })
      const picture = await readFile(join(examples, file.replace('.yaml', '.png')))
      check(missing.length === 0 && [...blocks.values()].some(({ bytes }) => picture.equals(bytes)), `the picture of ${file} is not in its archive`)
      sizes.push(`${file.replace('.yaml', '.car').padEnd(14)} ${String(car.byteLength).padStart(6)} bytes, ${blocks.size} blocks and the record`)
    }
    return sizes
  })
  const old = await verifyArchive(await readFile(join(home, 'alice.yaml.car')))

  await steps.step('The publisher is killed', ['kill -9 APP'], async () => {
    await app.kill('SIGKILL')
    return []
  })

  await steps.step('Carol, a third node, still resolves every one of them', ['mercury --directory carol resolve --keep k51…', '…'], () =>
    resolveAll(published, (id) => nodeAt('carol', '--bootstrap', address, 'resolve', '--keep', id)))

  await steps.step('Alice restores her words on another device and publishes an update; it reaches Bob, who watches', ['mercury --directory bob watch k51…', 'mercury --directory alice init --restore', 'mercury --directory alice publish alice.yaml'], async () => {
    const watching = startMercury(at('bob', 'watch', alice.id))
    running.push(watching)
    await watching.line<ResolvedJson>(({ id }) => id === alice.id)
    const bio = 'Back through the looking-glass, with a new telephone.'
    const file = join(home, 'alice.yaml')
    await writeFile(file, (await readFile(join(examples, 'alice.yaml'), 'utf8')).replace(/^bio: .*$/m, `bio: ${bio}`).replace('./alice.png', join(examples, 'alice.png')))
    const restored = await askMercury<{ id: string }>(nodeAt('alice', '--bootstrap', address, 'init', '--restore', '--unprotected'), `${alice.words}\n`)
    check(restored.id === alice.id, `the words gave ${restored.id}, not ${alice.id}`)
    const update = await askMercury<{ sequence: number | string; found?: { sequence: number | string; source: string } }>(nodeAt('alice', '--bootstrap', address, 'publish', file))
    check(Number(update.found?.sequence) === alice.sequence && Number(update.sequence) > alice.sequence, 'the restored device did not find the version before')
    const arrived = performance.now()
    await watching.line<ResolvedJson>(({ profile }) => profile.bio === bio)
    await watching.kill('SIGTERM')
    return [`found version ${update.found!.sequence} (${update.found!.source}), published ${update.sequence} above it`, `Bob saw it ${formatMs(performance.now() - arrived)} after it was published`]
  })

  await steps.step('Mallory offers a forged record and an old one; both are refused', ['mercury --directory carol --router MALLORY resolve --all k51…'], async () => {
    const mallory = await openMallory(old.record.bytes)
    running.push(mallory)
    const { profile, answers } = await askMercury<ResolvedJson>(nodeAt('carol', '--bootstrap', address, '--router', `${mallory.url}/forged`, '--router', `${mallory.url}/old`, 'resolve', '--all', alice.id))
    const [forged, older] = answers.filter(({ router }) => router.includes(String(mallory.port)))
    check(profile.bio?.startsWith('Back through') === true, 'Carol was shown another version than the newest')
    check(forged?.outcome === 'invalid' && forged.code === 'INVALID_SIGNATURE', `the forged record was not refused: ${JSON.stringify(forged)}`)
    check(older?.outcome === 'older', `the old record was not refused: ${JSON.stringify(older)}`)
    return [`forged: ${forged.reason}`, `old: ${older.reason}`]
  })

  const homes = new Map<string, Talker & { readonly started: HomeJson }>()
  await steps.step('Dora and Emil each run a home, from an empty folder', ['mercury --directory dora serve', 'mercury --directory emil serve'], async () => {
    for (const name of ['dora', 'emil']) {
      const talker = startMercury(nodeAt(name, '--bootstrap', address, 'serve', '--http', '127.0.0.1:0', '--name', `${name}'s home`))
      running.push(talker)
      homes.set(name, { ...talker, started: await talker.line<HomeJson>(({ event }) => event === 'started') })
    }
    return [...homes].map(([name, { started: { id, http } }]) => `${name}: ${id}, ${http}`)
  })
  const [dora, emil] = [homes.get('dora')!, homes.get('emil')!]
  const invite = async (name: string): Promise<string> => (await askMercury<{ link: string }>(at(name, 'home', 'invite'))).link
  const frank = (...words: string[]): string[] => nodeAt('frank', '--bootstrap', address, ...words)

  await steps.step('Dora invites Alice, who joins: consent and acceptance stand in her profile, both signed', ['mercury --directory dora home invite', "mercury --directory alice join 'mercury:k51…'"], async () => {
    const joined = await askMercury<JoinedJson>(nodeAt('alice', '--bootstrap', address, 'join', await invite('dora')))
    check(joined.home === dora.started.id, `Alice joined ${joined.home}`)
    return [`version ${joined.sequence}, ${joined.media.blocks} blocks, ${joined.media.bytes} bytes, brought along`]
  })

  await steps.step('Frank, who knows nothing but her ID and a home to ask, finds where she lives', ['mercury --directory frank --router HTTP resolve --home k51…'], async () => {
    const found = await askMercury<CurrentHomeJson>(frank('--router', dora.started.http, 'resolve', '--home', alice.id))
    check(found.home === dora.started.id && found.confirmed && found.passedOver.length === 0, `Alice was found at ${found.home}, confirmed: ${found.confirmed}`)
    return [`${found.home} at ${found.addresses.join(', ')}, confirmed by the home`]
  })

  await steps.step("Dora's home is killed; Alice moves to Emil's without asking it", ['kill -9 DORA', "mercury --directory alice move 'mercury:k51…'"], async () => {
    await dora.kill('SIGKILL')
    const moved = await askMercury<JoinedJson & { left: { home: string; ended: boolean; code?: string }[] }>(nodeAt('alice', '--bootstrap', address, 'move', await invite('emil')))
    check(moved.home === emil.started.id, `Alice moved to ${moved.home}`)
    check(moved.left.length === 1 && moved.left[0]!.home === dora.started.id && !moved.left[0]!.ended, 'the home that was killed cannot know that it was left')
    return [`version ${moved.sequence}; ${moved.left[0]!.home} was left (${moved.left[0]!.code})`]
  })

  await steps.step('Frank, who knew the old home, finds the new one, and her picture is there', ['mercury --directory frank resolve --home k51…', 'curl EMIL/ipfs/CID'], async () => {
    const found = await askMercury<CurrentHomeJson>(frank('resolve', '--home', alice.id))
    check(found.home === emil.started.id && found.confirmed, `Alice was found at ${found.home}, confirmed: ${found.confirmed}`)
    const picture = await readFile(join(examples, 'alice.png'))
    const cid = CID.createV1(0x55, await sha256.digest(picture))
    const answer = await fetch(`${emil.started.http}/ipfs/${cid.toString()}?format=raw`)
    check(answer.status === 200 && picture.equals(Buffer.from(await answer.arrayBuffer())), `the new home does not have her picture: status ${answer.status}`)
    return [`${found.home} at ${found.addresses[0]}`, `the picture, ${picture.byteLength} bytes, as it was published`]
  })

  const gina = (...words: string[]): string[] => nodeAt('gina', '--bootstrap', address, ...words)
  let bobsIndex = ''
  await steps.step("Bob publishes an index of what he keeps; Emil's home has published one by itself. Gina, who is new, searches both by half a name", ['mercury --directory bob index publish', 'mercury --directory gina search alice lidd --index BOB --index EMIL'], async () => {
    await askMercury(at('bob', 'init', '--unprotected'))
    bobsIndex = (await askMercury<{ name: string }>(at('bob', 'index', 'publish'))).name
    let answer: FoundJson
    let left = 30
    do answer = await askMercury<FoundJson>(gina('search', 'alice', 'lidd', '--index', bobsIndex, '--index', emil.started.id))
    while (answer.coverage.sources.some(({ state }) => state !== 'answered') && --left > 0)
    const [hit] = answer.hits
    check(answer.hits.length === 1 && hit?.id === alice.id && hit.home === emil.started.id, `Gina was shown ${JSON.stringify(answer.hits)}`)
    check(answer.coverage.sources.every(({ state }) => state === 'answered'), `an index did not answer: ${JSON.stringify(answer.coverage.sources)}`)
    return [`${hit.name}  ${hit.id}, version ${hit.sequence}, at ${hit.home}`, ...answer.coverage.sources.map(({ name, documents, work, dropped }) => `${name === bobsIndex ? "Bob's" : "Emil's"}: ${documents} ${documents === 1 ? 'profile' : 'profiles'}; ${work.blocks} blocks, ${work.bytes} bytes in ${work.rounds} rounds${dropped.stale > 0 ? '; its version of her is older, and not shown' : ''}`)]
  })

  await steps.step("Mallory publishes an index, too: Alice's profile with another signature, and others as Alice. None of it is shown", ['mercury --directory gina search alice liddell --index MALLORY --index BOB'], async () => {
    const cars = published.filter(({ file }) => file !== 'alice.yaml' && LISTED.has(file)).map(({ file }) => join(home, `${file}.car`))
    const mallory = start([join(examples, 'demo/liar.ts'), join(home, 'mallory'), address, DHT, join(home, 'alice.yaml.car'), ...cars])
    running.push(mallory)
    const { name } = await mallory.line<{ name: string }>((line) => 'name' in line)
    const { hits, coverage } = await askMercury<FoundJson>(gina('search', 'alice', 'liddell', '--index', name, '--index', bobsIndex))
    check(hits.length === 1 && hits[0]!.id === alice.id && !hits[0]!.sources.includes(name), `Gina was shown ${JSON.stringify(hits)}`)
    const { state, dropped } = coverage.sources.find((source) => source.name === name)!
    check(dropped.forged === 1 && dropped.notMatching === cars.length, `it was not charged with all of it: ${JSON.stringify(dropped)}`)
    return [`Mallory's index: ${dropped.forged} forged and ${dropped.notMatching} that are not Alice, left out${state === 'dropped' ? '; it is asked no more' : ''}`]
  })
}

/** Who wants to be found, Alice apart. */
const LISTED: ReadonlySet<string> = new Set(['haru.yaml', 'layla.yaml', 'nemo.yaml', 'orchestra.yaml'])

const resolveAll = async (published: readonly Example[], words: (id: string) => string[]): Promise<string[]> => {
  const lines: string[] = []
  for (const { id, name } of published) {
    const started = performance.now()
    const { profile, freshness, source, answers } = await askMercury<ResolvedJson>(words(id))
    check(profile.name === name && freshness === 'confirmed', `${id} was resolved as ${profile.name} (${freshness}), not ${name}`)
    const found = answers.find(({ router }) => router === source)!
    lines.push(`${formatMs(found.ms).padStart(7)} (the whole command ${formatMs(performance.now() - started)})  ${name}, confirmed by ${source}`)
  }
  return lines
}

/** A router that lies: a version signed by another key under `/forged`, an outdated one under `/old`. */
const openMallory = async (oldRecord: Uint8Array): Promise<{ url: string; port: number; kill(): Promise<void> }> => {
  const thief = await createSigner(crypto.getRandomValues(new Uint8Array(32)))
  const time = Math.floor(Date.now() / 1_000)
  const forged = await createRecord(await signDocument({ name: 'Alice Liddell', bio: 'Send me money.' }, thief, { seq: time + 1_000, prev: null, time }), thief)
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/vnd.ipfs.ipns-record')
    response.end(request.url?.startsWith('/forged/') ? forged : oldRecord)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, kill: async () => { server.closeAllConnections(); server.close() } }
}

console.log('Mercury: profiles that no company keeps. Real IPFS nodes on this machine, a network of their own.')
try {
  await demonstrate()
} catch (error) {
  // The step has said what did not hold.
  if (!(error instanceof Error)) throw error
} finally {
  for (const process of running.reverse()) await process.kill('SIGTERM')
  await rm(home, { recursive: true, force: true })
}
process.exitCode = steps.end()
