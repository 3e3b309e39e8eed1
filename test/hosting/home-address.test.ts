import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOfUrl, urlOfAddress } from '../../src/hosting/home-address.ts'
import { MercuryError } from '../../src/index.ts'

test.each([
  ['https://home.example', '/dns/home.example/tcp/443/https', 'https://home.example/'],
  ['https://home.example:8443/', '/dns/home.example/tcp/8443/https', 'https://home.example:8443/'],
  ['http://127.0.0.1:8080', '/ip4/127.0.0.1/tcp/8080/http', 'http://127.0.0.1:8080/'],
  ['http://[::1]:8080', '/ip6/::1/tcp/8080/http', 'http://[::1]:8080/'],
  ['http://localhost', '/dns/localhost/tcp/80/http', 'http://localhost/']
])('%s is %s', (url, address, back) => {
  expect(addressOfUrl(url)).toBe(address)
  expect(urlOfAddress(address)).toBe(back)
})

test.each([['/dns4/home.example/tcp/443/tls/http', 'https://home.example/'], ['/dns6/home.example/tcp/1/http', 'http://home.example:1/']])('%s is %s', (address, url) => {
  expect(urlOfAddress(address)).toBe(url)
})

test.each(['', '/', 'https://home.example', '/ip4/1.2.3.4/tcp/4001', '/ip4/1.2.3.4/udp/443/https', '/dns/a/tcp/0/http', '/dns/a/tcp/65536/http', '/dns/a/tcp/080/http', '/dns/user@a/tcp/80/http', '/dns/a%2fb/tcp/80/http', '/dns/a?b/tcp/80/http', '/dns/a#b/tcp/80/http', '/dns/a\\b/tcp/80/http', '/dns//tcp/80/http', '/dns/a/tcp/80/http/p2p/x', '/dns/a b/tcp/80/http', '/onion3/x/tcp/80/http', '/unix/a/tcp/80/http', '/dns/a/tcp/80/ws'])('%j is no address of a home over HTTP', (address) => {
  expect(urlOfAddress(address)).toBeUndefined()
})

test.each(['', 'home.example', 'ftp://home.example', 'https://user@home.example', 'https://:x@home.example', 'https://home.example/path', 'https://home.example/?q', 'https://home.example/#f'])('%j is no URL of a home', (url) => {
  expect(() => addressOfUrl(url)).toThrow(expect.objectContaining({ code: 'INVALID_URL' }))
})

test('what comes out of a document is a URL of a host and a port alone, or nothing', () => {
  const part = fc.oneof(fc.constantFrom('ip4', 'ip6', 'dns', 'dns4', 'tcp', 'http', 'https', 'tls', '80', '127.0.0.1', '::1', 'home.example'), fc.string())
  fc.assert(fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
    const url = urlOfAddress(`/${parts.join('/')}`)
    if (url === undefined) return
    const { protocol, pathname, search, hash, username, password } = new URL(url)
    expect([/^https?:$/.test(protocol), pathname, search, hash, username, password]).toEqual([true, '/', '', '', '', ''])
    expect(urlOfAddress(addressOfUrl(url))).toBe(url)
  }), { numRuns: 2_000 })
  fc.assert(fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => {
    try {
      expect(urlOfAddress(addressOfUrl(text))).toBeDefined()
    } catch (error) {
      expect(error).toBeInstanceOf(MercuryError)
    }
  }))
})
