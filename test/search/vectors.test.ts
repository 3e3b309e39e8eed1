import { expect, it } from 'vitest'
import { frozenText, renderFrozen } from '../vectors/frozen.ts'
import { makeSearch } from '../vectors/make-search.ts'

it('makes words, keys, cells and blocks as they are frozen: another result is another format', async () => {
  expect(renderFrozen(await makeSearch())).toBe(frozenText('search'))
})
