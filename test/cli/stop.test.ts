import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { createHomeTransport } from '../../src/adapters/home-transport.ts'
import { createHomeClient } from '../../src/hosting/home-client.ts'
import { generateSeedPhrase, openSeed, type Persona } from '../../src/identity/seed.ts'
import { parseProfileId } from '../../src/identity/profile-id.ts'
import { createRecord, readProfileRecord } from '../../src/naming/record.ts'
import { signDocument, type HomeEntry } from '../../src/profile/document.ts'
import { cleanUp, nextLine, start, temporaryFolder, type Told } from './mercury.ts'

const PERSONAS = 8
const STOPS = 3

const children: ChildProcessWithoutNullStreams[] = []
afterEach(() => { for (const child of children.splice(0)) child.kill('SIGKILL') })
afterAll(cleanUp)

const serve = async (directory: string): Promise<{ child: ChildProcessWithoutNullStreams; started: Told }> => {
  const child = start(['--directory', directory, '--json', 'serve', '--http', '127.0.0.1:0', '--policy', 'open'])
  children.push(child)
  return { child, started: await nextLine(child, ({ event }) => event === 'started') }
}

const makeHome = async (): Promise<string> => {
  const directory = await temporaryFolder()
  await writeFile(join(directory, 'mercury.config.yaml'), 'blocks: level\nrouters: []\n')
  return directory
}

/** Somebody who lives at the home and publishes without rest. */
class Publisher {
  private readonly persona: Persona
  private acceptance: HomeEntry | undefined
  private sequence = 0
  acknowledged = 0

  constructor (persona: Persona) {
    this.persona = persona
  }

  async join (url: string, home: string): Promise<void> {
    const transport = createHomeTransport()
    const client = createHomeClient({ transport, urls: [`${url}/`], trusted: true, clock: Date.now })
    const { pledge } = this.persona
    this.acceptance = (await client.agree({ persona: this.persona.id, next: pledge.next, pledge: pledge.sig }, parseProfileId(home), this.persona)).acceptance
    await transport.close()
  }

  /** Until the home answers no more. */
  async publish (url: string): Promise<void> {
    for (;;) {
      this.sequence++
      const signed = await signDocument({ name: `Version ${this.sequence}` }, this.persona, { seq: this.sequence, prev: null, time: 1_800_000_000 }, { fields: { homes: [{ ...this.acceptance! }] } })
      const body = await createRecord(signed, this.persona)
      try {
        const { status } = await fetch(`${url}/routing/v1/ipns/${this.persona.id}`, { method: 'PUT', headers: { 'content-type': 'application/vnd.ipfs.ipns-record' }, body: Uint8Array.from(body) })
        if (status !== 200) return
        this.acknowledged = this.sequence
      } catch {
        return
      }
    }
  }

  async sequenceAt (url: string): Promise<number> {
    const response = await fetch(`${url}/routing/v1/ipns/${this.persona.id}`, { headers: { accept: 'application/vnd.ipfs.ipns-record' } })
    expect(response.status).toBe(200)
    return Number((await readProfileRecord(this.persona.id, new Uint8Array(await response.arrayBuffer()))).sequence)
  }
}

test('a home that is told to stop under load loses nothing that it acknowledged', async () => {
  const directory = await makeHome()
  const seed = await openSeed(generateSeedPhrase())
  const publishers = await Promise.all(Array.from({ length: PERSONAS }, async (_, i) => new Publisher(await seed.persona(i))))
  let { child, started } = await serve(directory)
  for (const publisher of publishers) await publisher.join(started.http, started.id)
  for (let stops = 0; stops < STOPS; stops++) {
    const before = publishers.map(({ acknowledged }) => acknowledged)
    const publishing = Promise.all(publishers.map((publisher) => publisher.publish(started.http)))
    while (publishers.some(({ acknowledged }, i) => acknowledged < before[i]! + 3)) await new Promise((resolve) => setTimeout(resolve, 5))
    const closed = once(child, 'close')
    child.stdout.resume()
    child.stderr.resume()
    child.kill('SIGTERM')
    await publishing
    expect(await closed).toEqual([0, null]);
    ({ child, started } = await serve(directory))
    for (const publisher of publishers) expect(await publisher.sequenceAt(started.http)).toBeGreaterThanOrEqual(publisher.acknowledged)
  }
})

test('asked twice, it ends at once', async () => {
  const { child, started } = await serve(await makeHome())
  const persona = await (await openSeed(generateSeedPhrase())).persona(0)
  await new Publisher(persona).join(started.http, started.id)
  // A record that is never whole keeps a stop waiting.
  const { port } = new URL(started.http)
  const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(`PUT /routing/v1/ipns/${persona.id} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/vnd.ipfs.ipns-record\r\ncontent-length: 1000\r\n\r\nhalf`)
  await fetch(`${started.http}/healthz`)
  const closed = once(child, 'close')
  child.stdout.resume()
  child.stderr.resume()
  child.kill('SIGTERM')
  while (await fetch(`${started.http}/healthz`).then(() => true, () => false));
  child.kill('SIGTERM')
  expect(await closed).toEqual([130, null])
  socket.destroy()
})
