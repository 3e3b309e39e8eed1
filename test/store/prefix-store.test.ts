import { expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { createMemoryStore } from '../../src/store/memory-store.ts'
import { createPrefixStore } from '../../src/store/prefix-store.ts'

it('writes behind its prefix and closes nothing but itself', async () => {
  const store = createMemoryStore()
  const [a, b] = [createPrefixStore(store, 'a/'), createPrefixStore(store, 'b/')]
  await a.put('key', utf8('of a'))
  await b.batch([{ type: 'check', key: 'key', value: undefined }, { type: 'put', key: 'key', value: utf8('of b') }])
  await a.close()
  expect(await store.get('a/key')).toEqual(utf8('of a'))
  expect(await b.get('key')).toEqual(utf8('of b'))
})

it('waits in close for what it was asked before', async () => {
  const store = createMemoryStore()
  let release = (): void => undefined
  const slow = createPrefixStore({ ...store, put: async (...args) => { await new Promise<void>((resolve) => { release = resolve }); await store.put(...args) } }, 'a/')
  const steps: string[] = []
  const work = Promise.all([slow.put('key', utf8('value')).then(() => steps.push('put')), slow.close().then(() => steps.push('close'))])
  release()
  await work
  expect(steps).toEqual(['put', 'close'])
})

it.each(['', '\ud800', 'x'.repeat(1_025)])('refuses the prefix %j', (prefix) => {
  expect(() => createPrefixStore(createMemoryStore(), prefix)).toThrow()
})
