import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { PAGE_POLICY, renderPage } from '../../src/home/page.ts'

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
