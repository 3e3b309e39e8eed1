import { expect, it } from 'vitest'
import { createHomeContact } from '../../src/client/home-contact.ts'
import type { HomeTransport } from '../../src/hosting/home-transport.ts'
import { encodeProfileAnswer } from '../../src/hosting/profile-answer.ts'
import { signerOf } from './world.ts'

const [one, two] = ['http://127.0.0.1:1/', 'http://127.0.0.1:2/']

it('says of each call where it was answered, whatever others are under way', async () => {
  const [alice, bob] = await Promise.all([signerOf(1), signerOf(2)])
  const held = Promise.withResolvers<void>()
  const asked: string[] = []
  const transport: HomeTransport = {
    async send ({ url }) {
      asked.push(new URL('/', url).href)
      if (url.startsWith(one) && url.endsWith(bob.id)) throw new Error('it is gone')
      // Answered with the other, which goes on first.
      if (url.endsWith(bob.id)) held.resolve()
      await held.promise
      return { status: 200, headers: {}, body: encodeProfileAnswer({ hosting: 'active', record: Uint8Array.of(1) }) }
    },
    close: async () => {}
  }
  const contact = createHomeContact({ transport, clock: Date.now, named: [one, two], found: [] })
  const answers = await Promise.all([alice, bob].map(({ id }) => contact.ask(async (client) => {
    const answer = await client.profile(id)
    await new Promise(setImmediate)
    return answer
  })))
  expect(answers.map(({ url }) => url)).toEqual([one, two])
  const last = contact.answeredAt()
  asked.length = 0
  await contact.ask((client) => client.profile(alice.id))
  expect(asked).toEqual([last])
})
