import { describe, expect, test } from 'vitest'
import { isPrivateHost } from '../../src/adapters/private-address.ts'

describe('isPrivateHost', () => {
  test.each([
    '0.0.0.0', '10.0.0.1', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.254', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.2.1', '192.168.0.1', '198.18.0.1', '198.19.255.255', '203.0.113.9', '224.0.0.1', '255.255.255.255',
    '::', '::1', '[::1]', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12:3456::1', 'ff02::1', '::ffff:8.8.8.8', '64:ff9b::a00:1', '2001:db8::1', '2001:0:1::1', '2002:a00:1::1', '3fff:123::1',
    'localhost', 'LOCALHOST', 'localhost.', 'api.localhost', 'printer.local', 'db.internal', 'nas.home.arpa'
  ])('%s is', (host) => {
    expect(isPrivateHost(host)).toBe(true)
  })

  test.each([
    '1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0', '172.15.255.255', '172.32.0.0', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255',
    '2606:4700::1111', '[2606:4700::1111]', '2001:200::1', '2001:4860:4860::8888', '2a00:1450::1',
    'example.org', 'localhost.example.org', 'notlocal', 'internal.example'
  ])('%s is not', (host) => {
    expect(isPrivateHost(host)).toBe(false)
  })
})
