import { wordlist as chineseSimplified } from '@scure/bip39/wordlists/simplified-chinese.js'
import { wordlist as chineseTraditional } from '@scure/bip39/wordlists/traditional-chinese.js'
import { wordlist as czech } from '@scure/bip39/wordlists/czech.js'
import { wordlist as english } from '@scure/bip39/wordlists/english.js'
import { wordlist as french } from '@scure/bip39/wordlists/french.js'
import { wordlist as italian } from '@scure/bip39/wordlists/italian.js'
import { wordlist as japanese } from '@scure/bip39/wordlists/japanese.js'
import { wordlist as korean } from '@scure/bip39/wordlists/korean.js'
import { wordlist as portuguese } from '@scure/bip39/wordlists/portuguese.js'
import { wordlist as spanish } from '@scure/bip39/wordlists/spanish.js'
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { publicKeyOfPrivate, verifySignature } from '../../src/identity/ed25519.ts'
import { encryptionPrivateKey, x25519PublicKey } from '../../src/identity/encryption-key.ts'
import { LEAF_ROLES, MAX_GENERATION } from '../../src/identity/persona.ts'
import { verifyPledge } from '../../src/identity/pledge.ts'
import { encodeProfileId } from '../../src/identity/profile-id.ts'
import { InvalidSeedPhraseError, generateSeedPhrase, openSeed } from '../../src/identity/seed.ts'
import { hex, readFrozen, unhex } from '../vectors/frozen.ts'
import { nodeAt, type PersonaCase } from '../vectors/make-identity.ts'
import { describePublished } from '../vectors/published.ts'

const PHRASE = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'
const frozen = readFrozen<{ personas: PersonaCase[] }>('identity', 'personas')
const invalid = (reason: RegExp, position?: number) => expect.objectContaining({ name: 'InvalidSeedPhraseError', code: 'INVALID_SEED_PHRASE', message: expect.stringMatching(reason) as string, ...(position === undefined ? {} : { position }) })

describe('personas of a seed', () => {
  it.each(frozen.personas)('are as frozen: $index, generation $generation, passphrase "$passphrase"', async ({ phrase, passphrase, index, generation, id, leaves, encryptionPublicKey, next, pledge }) => {
    const persona = await (await openSeed(phrase, { passphrase })).persona(index, { generation })
    expect(persona.id).toBe(id)
    expect(Object.fromEntries(LEAF_ROLES.map((role) => [role, hex(persona.leaves[role])]))).toEqual(leaves)
    expect([hex(persona.encryptionPublicKey), hex(persona.pledge.next), hex(persona.pledge.sig)]).toEqual([encryptionPublicKey, next, pledge])
  })

  it('stand where the format says: m/7169394\'/persona\'/role\'/generation\'', async () => {
    const bip39Seed = unhex('5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4')
    const persona = await (await openSeed(PHRASE)).persona(5, { generation: 3 })
    const leaves = LEAF_ROLES.map((role) => hex(persona.leaves[role]))
    expect(leaves).toEqual([0, 1, 2, 3, 4].map((role) => hex(nodeAt(bip39Seed, [7169394, 5, role, 3]).key)))
    expect(hex(persona.publicKey)).toBe(hex(publicKeyOfPrivate(persona.leaves.identity)))
    expect(hex(persona.encryptionPublicKey)).toBe(hex(x25519PublicKey(encryptionPrivateKey(persona.leaves.encryption))))
    expect(hex(persona.pledge.next)).toBe(createHash('sha256').update(publicKeyOfPrivate(nodeAt(bip39Seed, [7169394, 5, 0, 4]).key)).digest('hex'))
  })

  it('pledge the key that the next generation has', async () => {
    const seed = await openSeed(PHRASE)
    for (const generation of [0, 1, MAX_GENERATION - 1]) {
      const persona = await seed.persona(2, { generation })
      const next = await seed.persona(2, { generation: generation + 1 })
      expect(hex(persona.pledge.next)).toBe(createHash('sha256').update(next.publicKey).digest('hex'))
      expect(await verifyPledge(persona.id, persona.pledge)).toBe(true)
      expect(await verifyPledge(next.id, persona.pledge)).toBe(false)
    }
  })

  it('are generation 0 unless asked, and sign', async () => {
    const seed = await openSeed(PHRASE)
    const persona = await seed.persona(1)
    expect(persona).toMatchObject({ index: 1, generation: 0 })
    expect(persona.id).toBe((await seed.persona(1, { generation: 0 })).id)
    const message = Uint8Array.of(1, 2, 3)
    expect(await verifySignature(persona.publicKey, await persona.sign(message), message)).toBe(true)
  })

  it('share no key: not with each other, not with another role, generation or passphrase', async () => {
    const seeds = [await openSeed(PHRASE), await openSeed(PHRASE, { passphrase: 'TREZOR' })]
    const keys: string[] = []
    for (const seed of seeds) {
      for (const index of [0, 1, 2]) for (const generation of [0, 1, 2]) keys.push(...Object.values((await seed.persona(index, { generation })).leaves).map(hex))
    }
    expect(new Set(keys).size).toBe(2 * 3 * 3 * 5)
  })

  it.each([-1, 2 ** 31, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1' as unknown as number])('have no index %s', async (index) => {
    await expect((await openSeed(PHRASE)).persona(index)).rejects.toThrow(expect.objectContaining({ code: 'INVALID_KEY_INDEX', message: expect.stringContaining('persona index') as string }))
  })

  it.each([-1, 2 ** 31 - 1, 1.5, Number.NaN])('have no generation %s: the last one must have a next', async (generation) => {
    await expect((await openSeed(PHRASE)).persona(0, { generation })).rejects.toThrow(expect.objectContaining({ code: 'INVALID_KEY_INDEX', message: expect.stringContaining('generation') as string }))
  })

  it('give an abort the reason of its signal', async () => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await expect(openSeed(PHRASE, { signal })).rejects.toBe(reason)
    const seed = await openSeed(PHRASE)
    await expect(seed.persona(0, { signal })).rejects.toBe(reason)
    await expect((await seed.persona(0)).sign(new Uint8Array(), { signal })).rejects.toBe(reason)
  })
})

describe('what a seed and its personas show', () => {
  const secretsOf = async () => {
    const bip39Seed = unhex('5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4')
    const seed = await openSeed(PHRASE)
    const persona = await seed.persona(0)
    const nodes = [[], [7169394], [7169394, 0], ...LEAF_ROLES.map((_, role) => [7169394, 0, role]), ...LEAF_ROLES.map((_, role) => [7169394, 0, role, 0])].map((path) => nodeAt(bip39Seed, path))
    return { seed, persona, secrets: [bip39Seed.subarray(0, 32), bip39Seed.subarray(32), ...nodes.flatMap(({ key, chainCode }) => [key, chainCode]), encryptionPrivateKey(persona.leaves.encryption)] }
  }
  /** The ways in which bytes end up in logs. */
  const spellingsOf = (bytes: Uint8Array) => [hex(bytes), Buffer.from(bytes).toString('base64').slice(0, 40), [...bytes].join(','), [...bytes].join(', '), JSON.stringify(bytes).slice(1, -1), [...bytes].map((byte, i) => `${i}:${byte}`).join(',')]
  const plain = (text: string) => text.replaceAll(/\s+/g, '')

  it('is nothing secret, whether it is logged, spread, cloned into JSON or inspected in depth', async () => {
    const { seed, persona, secrets } = await secretsOf()
    for (const value of [seed, persona, { ...persona }, Object.assign({}, persona)]) {
      const shown = [JSON.stringify(value), String(value), inspect(value), inspect(value, { showHidden: true, depth: 20, maxArrayLength: null, breakLength: Number.POSITIVE_INFINITY }), ...Object.values(value).map((part) => inspect(part, { depth: 20, maxArrayLength: null }))].map(plain).join('\n')
      for (const secret of secrets) for (const spelling of spellingsOf(secret)) expect(shown.includes(plain(spelling))).toBe(false)
      for (const word of ['abandon', 'about']) expect(shown.includes(word)).toBe(false)
    }
    expect(plain(inspect(persona.publicKey, { maxArrayLength: null }))).toContain(plain([...persona.publicKey].join(', ')))
  })

  it('is nothing secret in the memory behind public values, which Node shares among small buffers', async () => {
    const persona = await (await openSeed(generateSeedPhrase())).persona(0)
    const signature = await persona.sign(new Uint8Array(3))
    const secrets = [...Object.values(persona.leaves), encryptionPrivateKey(persona.leaves.encryption)]
    for (const { buffer } of [persona.publicKey, persona.encryptionPublicKey, persona.pledge.next, persona.pledge.sig, encodeProfileId(persona.id), signature]) {
      const memory = Buffer.from(buffer)
      for (const secret of secrets) expect(memory.includes(secret)).toBe(false)
    }
  })

  it('is leaf keys only when asked, as copies', async () => {
    const { persona } = await secretsOf()
    expect(Object.keys(persona)).not.toContain('leaves')
    const before = hex(persona.leaves.identity)
    persona.leaves.identity.fill(0)
    expect(hex(persona.leaves.identity)).toBe(before)
    expect(await verifySignature(persona.publicKey, await persona.sign(Uint8Array.of(1)), Uint8Array.of(1))).toBe(true)
  })
})

describe('seed phrases', () => {
  it('are made fresh, of 12 or 24 English words, and open', async () => {
    for (const words of [12, 24] as const) {
      const phrase = generateSeedPhrase(words)
      expect(phrase.split(' ')).toHaveLength(words)
      expect(phrase.split(' ').every((word) => english.includes(word))).toBe(true)
      expect(generateSeedPhrase(words)).not.toBe(phrase)
      await openSeed(phrase)
    }
    expect(generateSeedPhrase().split(' ')).toHaveLength(12)
    for (const words of [0, 11, 15, 25]) expect(() => generateSeedPhrase(words as 12)).toThrow(invalid(/12 or 24 words/))
  })

  it('may be written in any case, with any white space, in any Unicode form', async () => {
    const id = async (phrase: string, options = {}) => (await (await openSeed(phrase, options)).persona(0)).id
    const expected = await id(PHRASE)
    for (const variant of [PHRASE.toUpperCase(), `  ${PHRASE}\n`, PHRASE.replaceAll(' ', '\n'), PHRASE.replaceAll(' ', ' \t\u3000 '), PHRASE.replaceAll(' ', '\u00a0'), PHRASE.replace('abandon', 'Abandon')]) expect(await id(variant)).toBe(expected)
    const words = spanish.map((word) => word.normalize('NFC'))
    const abaco = `${'ábaco '.repeat(11)}abierto`
    const ids = [await id(abaco.normalize('NFC'), { wordlist: spanish }), await id(abaco.normalize('NFD'), { wordlist: spanish }), await id(abaco.normalize('NFC'), { wordlist: words })]
    expect(new Set(ids).size).toBe(1)
  })

  it('differ by passphrase, of which the Unicode form does not matter', async () => {
    const id = async (passphrase?: string) => (await (await openSeed(PHRASE, passphrase === undefined ? {} : { passphrase })).persona(0)).id
    const [none, empty, composed, decomposed, spaced] = [await id(), await id(''), await id('é'), await id('e\u0301'), await id('é ')]
    expect(none).toBe(empty)
    expect(composed).toBe(decomposed)
    expect(new Set([none, composed, spaced]).size).toBe(3)
    await expect(id('\ud800')).rejects.toThrow(invalid(/lone surrogate/))
  })

  it.each([
    ['word 3 is unknown', PHRASE.replace('abandon abandon abandon', 'abandon abandon hunter2'), /word 3 is not in the word list/, 3],
    ['word 1 of two unknown ones', PHRASE.replace('abandon abandon', 'correct-horse hunter2'), /word 1 is not/, 1],
    ['the last word is unknown', PHRASE.replace('about', 'abouts'), /word 12 is not/, 12],
    ['a word has an accent', PHRASE.replace('about', 'aboút'), /word 12 is not/, 12],
    ['the checksum is wrong', PHRASE.replace('about', 'above'), /checksum/, undefined],
    ['all words are the same', 'zoo '.repeat(12), /checksum/, undefined],
    ['11 words', PHRASE.replace(' about', ''), /it has 11 words/, undefined],
    ['13 words', `${PHRASE} about`, /it has 13 words/, undefined],
    ['27 words', `${PHRASE} ${PHRASE} zoo zoo zoo`, /it has 27 words/, undefined],
    ['no words', ' \n ', /it has 0 words/, undefined],
    ['empty', '', /it has 0 words/, undefined],
    ['a lone surrogate', PHRASE.replace('about', '\udc00'), /word 12 is not/, 12],
    ['words of two lists', PHRASE.replace('about', 'ábaco'), /word 12 is not/, 12]
  ])('are refused when %s, without an echo of a word', async (_, phrase, reason, position) => {
    const error = await openSeed(phrase).then(() => undefined, (thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidSeedPhraseError)
    expect(error).toEqual(invalid(reason, position))
    expect((error as InvalidSeedPhraseError).position).toBe(position)
    const shown = inspect(error, { showHidden: true, depth: 20 })
    for (const word of phrase.trim().split(/\s+/).filter((word) => word !== '' && word !== 'zoo')) expect(shown.split('\n')[0]).not.toContain(word)
    expect((error as Error).cause).toBeUndefined()
  })

  it.each([['of 2,047 words', english.slice(1)], ['of 2,049 words', [...english, 'mercury']], ['with a word twice', ['zoo', ...english.slice(1)]], ['that is empty', []]])('need a word list, not one %s', async (_, wordlist) => {
    await expect(openSeed(PHRASE, { wordlist })).rejects.toThrow(invalid(/word list has \d+ different words, not 2048/))
  })
})

/** The language of each list in the vectors that the library brings. */
const wordlists: Record<string, readonly string[]> = { english, chinese_simplified: chineseSimplified, chinese_traditional: chineseTraditional, czech, french, italian, japanese, korean, portuguese, spanish }

describePublished('BIP-39', 'bip39/vectors.json', (vectors: Record<string, [entropy: string, phrase: string, seed: string, xprv: string][]>) => {
  it.each(Object.keys(wordlists))('%s: 12, 18 and 24 words with the passphrase TREZOR give the published seed', async (language) => {
    for (const [, phrase, published] of vectors[language]!) {
      const persona = await (await openSeed(phrase, { passphrase: 'TREZOR', wordlist: wordlists[language]! })).persona(0)
      expect(hex(persona.leaves.identity), phrase).toBe(hex(nodeAt(unhex(published), [7169394, 0, 0, 0]).key))
    }
  })

  it('has phrases whose last word decides: with the next word of the list they are refused or are another seed', async () => {
    for (const [, phrase] of vectors.english!) {
      const words = phrase.split(' ')
      const changed = [...words.slice(0, -1), english[(english.indexOf(words.at(-1)!) + 1) % 2_048]!].join(' ')
      await expect(openSeed(changed)).rejects.toThrow(invalid(/checksum/))
    }
  })
})
