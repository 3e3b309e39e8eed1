import { generateMnemonic, mnemonicToSeed, validateMnemonic } from '@scure/bip39'
import { wordlist as english } from '@scure/bip39/wordlists/english.js'
import { MercuryError } from '../errors.ts'
import { publicKeyOfPrivate } from './ed25519.ts'
import { LEAF_ROLES, checkPosition, createPersona, type LeafKeys, type Persona } from './persona.ts'
import { createPledge } from './pledge.ts'
import { createSigner } from './signer.ts'
import { childNode, masterNode, type KeyNode } from './slip10.ts'

export type { LeafKeys, Persona } from './persona.ts'

/** The first step of every path, so that the words of a wallet can serve here too without sharing a key with it. */
const PURPOSE = 7_169_394
const PHRASE_LENGTHS = [12, 15, 18, 21, 24]
const WORDS_IN_LIST = 2_048

/** Everything that an owner has: all personas, all generations. Keep it off devices once it has made its personas. */
export interface Seed {
  /**
   * The persona `index` in its generation `generation`, 0 by default, with the pledge to the generation after it.
   *
   * @throws InvalidKeyIndexError
   */
  persona(index: number, options?: { generation?: number; signal?: AbortSignal }): Promise<Persona>
}

/** A seed phrase that BIP-39 does not allow. Neither the message nor a cause holds any of its words. */
export class InvalidSeedPhraseError extends MercuryError {
  override readonly name = 'InvalidSeedPhraseError'
  /** The position, from 1, of the first word that is not in the list; undefined when the words are, but do not belong together. */
  readonly position?: number
  constructor(reason: string, position?: number) {
    super('INVALID_SEED_PHRASE', `not a seed phrase: ${reason}`)
    if (position !== undefined) this.position = position
  }
}

/** A fresh English BIP-39 phrase of 12 or 24 words, of 128 or 256 bits of the platform's randomness. */
export const generateSeedPhrase = (words: 12 | 24 = 12): string => {
  if (words !== 12 && words !== 24) throw new InvalidSeedPhraseError('it is made of 12 or 24 words')
  return generateMnemonic(english, words === 12 ? 128 : 256)
}

/**
 * Opens a BIP-39 phrase of 12, 15, 18, 21 or 24 words. Letter case, white space and Unicode form do not matter; another passphrase is another seed.
 *
 * @param options `wordlist`: the 2,048 words of a standard list, English by default
 * @throws InvalidSeedPhraseError
 * @see https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki
 */
export const openSeed = async (phrase: string, { passphrase = '', wordlist = english, signal }: { passphrase?: string; wordlist?: readonly string[]; signal?: AbortSignal } = {}): Promise<Seed> => {
  const mnemonic = checkedMnemonic(phrase, wordlist)
  if (!passphrase.isWellFormed()) throw new InvalidSeedPhraseError('the passphrase has a lone surrogate')
  signal?.throwIfAborted()
  const seed = await mnemonicToSeed(mnemonic, passphrase)
  signal?.throwIfAborted()
  const master = masterNode(seed)
  const root = childNode(master, PURPOSE)
  for (const secret of [seed, master.key, master.chainCode]) secret.fill(0)
  return {
    persona: async (index, { generation = 0, signal } = {}) => {
      signal?.throwIfAborted()
      return derivePersona(root, index, generation)
    }
  }
}

const derivePersona = async (root: KeyNode, index: number, generation: number): Promise<Persona> => {
  checkPosition({ index, generation })
  const roles = LEAF_ROLES.map((_, role) => childNode(childNode(root, index), role))
  const leaves = Object.fromEntries(LEAF_ROLES.map((name, role) => [name, childNode(roles[role]!, generation).key])) as unknown as LeafKeys
  const next = childNode(roles[0]!, generation + 1).key
  const pledge = await createPledge(await createSigner(leaves.identity), publicKeyOfPrivate(next))
  return createPersona(leaves, pledge, { index, generation })
}

/** The words as BIP-39 hashes them: NFKD, single spaces. */
const checkedMnemonic = (phrase: string, wordlist: readonly string[]): string => {
  const list = wordlist.map((word) => word.normalize('NFKD'))
  const known = new Set(list)
  if (list.length !== WORDS_IN_LIST || known.size !== WORDS_IN_LIST) throw new InvalidSeedPhraseError(`the word list has ${known.size} different words, not ${WORDS_IN_LIST}`)
  const words = phrase.normalize('NFKD').toLowerCase().trim().split(/\s+/u)
  if (!PHRASE_LENGTHS.includes(words.length)) throw new InvalidSeedPhraseError(`it has ${words[0] === '' ? 0 : words.length} words, not ${PHRASE_LENGTHS.join(', ')}`)
  const unknown = words.findIndex((word) => !known.has(word))
  if (unknown >= 0) throw new InvalidSeedPhraseError(`word ${unknown + 1} is not in the word list`, unknown + 1)
  const mnemonic = words.join(' ')
  if (!validateMnemonic(mnemonic, list)) throw new InvalidSeedPhraseError('its checksum is wrong: a word is another one, or two changed places')
  return mnemonic
}
