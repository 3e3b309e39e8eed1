import { hash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { PAGE_POLICY, renderPage } from '../../src/home/page.ts'
import { renderSearch } from '../../src/home/page-search.ts'
import { verifyDocument, signDocument } from '../../src/index.ts'
import { matchDocument, parseQuery, type Hit } from '../../src/search.ts'
import { signerOf } from '../client/world.ts'

const EVIL = `"><script>alert('&')</script>`

test('whatever a home says of itself is text', () => {
  const page = renderPage({ id: EVIL, link: EVIL, name: EVIL, about: EVIL, policy: 'open' })
  expect(page).not.toContain('<script')
  expect(page.split('&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;').length - 1).toBe(7)
})

test('says how to join, where one can', () => {
  const home = { id: 'k51home', link: 'mercury:k51home', name: 'Elm Street' }
  expect(renderPage({ ...home, policy: 'invitation' })).toContain("<code>mercury join 'mercury:k51home'</code>")
  expect(renderPage({ ...home, policy: 'closed' })).not.toContain('mercury join')
  expect(renderPage({})).toContain('A Mercury home')
})

test('its policy lets its own style through and nothing else', () => {
  const [, style = ''] = /<style>([^]*)<\/style>/.exec(renderPage({})) ?? []
  expect(PAGE_POLICY).toContain(`style-src 'sha256-${hash('sha256', style, 'base64')}'`)
  expect(PAGE_POLICY).toContain("default-src 'none'")
})

/** As an index would give it. */
const hitOf = async (text: string, attributes: Record<string, unknown>): Promise<Hit> => {
  const alice = await signerOf(1)
  const { bytes } = await signDocument({ listed: true, ...attributes }, alice, { seq: 1, prev: null, time: 1_790_000_000 })
  const { id, cid, document } = await verifyDocument(bytes, { id: 'any' })
  const match = matchDocument(parseQuery(text), document)!
  return { id, cid: CID.asCID(cid)!, bytes, document, match, rank: { class: match.class, quality: 100, digest: cid.multihash.digest } }
}

test('whatever a profile that is found says of itself is text, and what was found in it is marked', async () => {
  const hit = await hitOf('evil', { name: `Evil ${EVIL}`, tags: [EVIL], bio: `${EVIL} \u202e`, place: EVIL })
  const page = renderSearch({ text: EVIL, hits: [hit], cursor: EVIL })
  expect(page).not.toContain('<script')
  expect(page).not.toContain(EVIL)
  expect(page).toContain('<bdi><mark>Evil</mark> &quot;&gt;&lt;script&gt;')
  expect(page).toContain(`value="&quot;&gt;&lt;script&gt;`)
  expect(page).toContain(`<a href="mercury:${hit.id}"><code>${hit.id}</code></a>`)
  // Text that turns around does so within its own element.
  expect(page).toMatch(/<bdi>[^<]*\u202e<\/bdi>/)
})

test('shows of a long bio what is around what was found, and splits no character', async () => {
  const bio = `${'🦊'.repeat(300)} rabbits ${'🐇'.repeat(300)}`
  const page = renderSearch({ text: 'rabbits', hits: [await hitOf('rabbits', { name: 'Alice', bio })] })
  expect(page).toMatch(/…<bdi>[🦊]+ <mark>rabbits<\/mark> [🐇]+<\/bdi>…/u)
  expect(page.isWellFormed()).toBe(true)
})
