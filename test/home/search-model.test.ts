import { expect, it } from 'vitest'
import { seededRandom } from '../../bench/profiles.ts'
import { decodeSearchAnswer } from '../../src/hosting/search-answer.ts'
import { createRecord, signDocument, verifyDocument, type Signer } from '../../src/index.ts'
import { peekDocument } from '../../src/naming/record.ts'
import { signerOf } from '../client/world.ts'
import { openHome, requestOf } from './running-home.ts'

const PERSONAS = 8
const STEPS = 240

/** What the home must make of a persona. */
interface Standing {
  readonly signer: Signer
  seq: number
  name: string
  listed: boolean
  hosted: boolean
  banned: boolean
}

it('finds at every moment exactly whom it hosts and who is listed, by his newest name, whatever came before', { timeout: 120_000 }, async () => {
  const random = seededRandom(11)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const running = await openHome({ settings: { policy: 'open' }, passMs: 25, indexMs: 1, indexSigner: await signerOf(90), limits: { burst: 100_000, requestsPerSecond: 100_000, burstAgreements: 100_000 } })
  const { client, home } = running
  let next = 2
  const newcomer = async (): Promise<Standing> => ({ signer: await signerOf(next++), seq: 0, name: '', listed: false, hosted: false, banned: false })
  const personas = await Promise.all(Array.from({ length: PERSONAS }, newcomer))

  const publish = async (persona: Standing, { at = [], gone = false }: { at?: readonly unknown[]; gone?: boolean } = {}): Promise<void> => {
    const seq = ++persona.seq
    const signed = await signDocument(gone ? {} : { listed: persona.listed, name: persona.name }, persona.signer, { seq, prev: null, time: 1_790_000_000 }, { gone, fields: gone ? {} : { homes: at as never } })
    await client.putRecord(persona.signer.id, await createRecord(signed, persona.signer))
  }
  const live = async (persona: Standing): Promise<void> => {
    const { acceptance } = await client.agree(requestOf(persona.signer), home.id, persona.signer)
    persona.name = `${pick(['Ada', 'Bob'])} ${pick(['Blue', 'Green'])} ${persona.seq}`
    persona.listed = random() < 0.8
    await publish(persona, { at: [acceptance] })
    persona.hosted = true
  }
  const steps: Readonly<Record<string, (persona: Standing, at: number) => Promise<void>>> = {
    live: async (persona) => (persona.banned ? undefined : live(persona)),
    'live again': async (persona) => (persona.banned ? undefined : live(persona)),
    'end it': async (persona) => {
      if (!persona.hosted) return
      await client.end(persona.signer)
      persona.hosted = false
    },
    'live nowhere': async (persona) => {
      if (!persona.hosted) return
      await publish(persona)
      persona.hosted = false
    },
    ban: async (persona) => {
      await home.ban(persona.signer.id, 'spam')
      Object.assign(persona, { banned: true, hosted: false })
    },
    unban: async (persona) => {
      if (persona.banned) await home.unban(persona.signer.id)
      persona.banned = false
    },
    remove: async (persona, at) => {
      if (!persona.hosted) return
      await publish(persona, { gone: true })
      personas[at] = await newcomer()
    },
    wait: () => new Promise((passed) => { setTimeout(passed, 60) })
  }

  try {
    let most = 0
    for (let step = 0; step < STEPS; step++) {
      const name = pick(Object.keys(steps))
      const at = Math.floor(random() * PERSONAS)
      await steps[name]!(personas[at]!, at)
      const response = await fetch(`${running.url}search/v1?q=ada&limit=100`)
      const { hits } = decodeSearchAnswer(new Uint8Array(await response.arrayBuffer()))
      const expected = personas.filter(({ hosted, banned, listed, name }) => hosted && !banned && listed && name.startsWith('Ada')).map((persona) => persona.name)
      const found = await Promise.all(hits.map(async ({ record, document }) => (await verifyDocument(document ?? peekDocument(record)!, { id: 'any' })).document.attrs.name))
      expect([step, name, found.sort()]).toEqual([step, name, expected.sort()])
      most = Math.max(most, expected.length)
    }
    expect(most, 'nobody was ever to be found').toBeGreaterThan(2)
  } finally {
    await running.close()
  }
})
