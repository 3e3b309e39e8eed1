import { describe, expect, it } from 'vitest'
import type { CborMap, CborValue } from '../../src/cbor.ts'
import { viewAttribute, viewProfile } from '../../src/profile/view.ts'
import { blockCid } from '../vectors/forge.ts'
import { frozen } from './cast.ts'

const section = blockCid(Uint8Array.of(1), 0x55)
const well: CborMap = { name: 'Alice', bio: 'Curious.\nFollows rabbits.', tags: ['botany'], type: 'person', lang: 'en-GB', location: { lat: 51_754_800, lon: -1_254_400, precision: 5_000 }, avatar: { cid: section, type: 'image/png', size: 1_048_576 }, links: [{ label: 'Blog', url: 'https://a.example' }, { url: 'tel:+44' }] }
const view = (attrs: CborMap) => viewProfile({ kind: 'persona', attrs })

describe('viewProfile', () => {
  it('shows the well-known attributes with their types, and every other one under attributes', () => {
    const attrs: CborMap = frozen({ ...well, 'org.example.app/x': { a: [1] } })
    const attributes: Record<string, unknown> = { ...well, location: { lat: 51.7548, lon: -1.2544, precision: 5_000 }, 'org.example.app/x': { a: [1] } }
    const { 'org.example.app/x': _, ...known } = attributes
    expect(viewProfile({ kind: 'robot', listed: true, attrs })).toEqual({ ...known, kind: 'robot', listed: true, attributes, ignored: [] })
  })

  it('shows an empty profile as one', () => {
    expect(view({})).toEqual({ kind: 'persona', listed: false, tags: [], links: [], attributes: {}, ignored: [] })
    expect(viewProfile({ kind: 'persona', listed: false, attrs: {} }).listed).toBe(false)
  })

  it('lets no attribute pass for a field', () => {
    const { kind, listed, ignored, attributes } = view({ kind: 'home', listed: true, ignored: [], attributes: {} })
    expect({ kind, listed, ignored }).toEqual({ kind: 'persona', listed: false, ignored: [] })
    expect(attributes).toEqual({ kind: 'home', listed: true, ignored: [], attributes: {} })
  })

  const ignored: ReadonlyArray<readonly [string, CborValue]> = [
    ['name', 5],
    ['name', ''],
    ['name', null],
    ['name', 'n'.repeat(257)],
    ['name', 'Alice\u202eecilA'],
    ['name', 'Alice\u0000'],
    ['name', 'Alice\u0085'],
    ['name', 'Alice\u2066'],
    ['bio', 'b'.repeat(4_097)],
    ['bio', ['b']],
    ['tags', 'chess'],
    ['tags', Array.from({ length: 33 }, () => 't')],
    ['tags', ['ok', 't'.repeat(65)]],
    ['tags', ['ok', '']],
    ['tags', ['ok', 5]],
    ['type', 't'.repeat(257)],
    ['lang', 'English, please'],
    ['lang', 5],
    ['location', { lat: 90_000_001, lon: 0 }],
    ['location', { lat: 0, lon: -180_000_001 }],
    ['location', { lat: 0 }],
    ['location', { lat: '0', lon: '0' }],
    ['location', { lat: 0, lon: 0, precision: -1 }],
    ['location', { lat: 0, lon: 0, precision: 20_100_001 }],
    ['location', { lat: 0, lon: 0, precision: 'near' }],
    ['location', [0, 0]],
    ['avatar', { cid: section.toString(), type: 'image/png', size: 5 }],
    ['avatar', { cid: section, type: 'image/png', size: 0 }],
    ['avatar', { cid: section, type: 'image/png', size: 1_048_577 }],
    ['avatar', { cid: section, type: 't'.repeat(129), size: 5 }],
    ['avatar', { cid: section, size: 5 }],
    ['avatar', section],
    ['links', 'https://a.example'],
    ['links', [{ url: 'https://a.example' }, { url: 'javascript:alert(1)' }]],
    ['links', [{ url: `https://${'a'.repeat(2_041)}` }]],
    ['links', [{ url: 'https://a.example', label: '' }]],
    ['links', [{ url: 'https://a.example', label: 'l'.repeat(257) }]],
    ['links', [{ label: 'no URL' }]],
    ['links', ['https://a.example']],
    ['links', Array.from({ length: 65 }, () => ({ url: 'https://a.example' }))],
    ['Name', 'Alice'],
    ['', 1],
    ['k'.repeat(65), 1],
    ['toString', 1]
  ]
  it.each(ignored)('leaves out %s where it is %j, and says why', (key, value) => {
    const { ignored: left, attributes, ...known } = view({ ...well, [key]: value })
    expect(left).toEqual([{ key, reason: expect.stringMatching(/^it/) as string }])
    expect(Object.keys(attributes).sort()).toEqual(Object.keys(well).filter((name) => name !== key).sort())
    if (key === 'tags' || key === 'links') expect(known[key]).toEqual([])
    else expect(Object.hasOwn(known, key)).toBe(false)
  })

  it('takes what is at the limit', () => {
    const attrs: CborMap = { name: 'n'.repeat(256), bio: 'b'.repeat(4_096), tags: Array.from({ length: 32 }, () => 't'.repeat(64)), type: 't'.repeat(256), lang: 'en', location: { lat: -90_000_000, lon: 180_000_000, precision: 20_100_000 }, avatar: { cid: section, type: 't'.repeat(128), size: 1 }, links: Array.from({ length: 64 }, () => ({ url: `https://${'a'.repeat(2_040)}`, label: 'l'.repeat(256) })), ['k'.repeat(64)]: null }
    expect(view(attrs).ignored).toEqual([])
  })

  it('does not ask for NFC, which depends on the version of Unicode', () => {
    expect(view({ name: 'Zoe\u0308' }).name).toBe('Zoe\u0308')
  })

  it('gives any attribute but the well-known ones as it is', () => {
    for (const value of [null, false, 0, '', [], {}, new Uint8Array(), section]) expect(viewAttribute('org.example.app/x', value)).toEqual({ value })
    expect(viewAttribute('tostring', 1)).toEqual({ value: 1 })
  })
})
