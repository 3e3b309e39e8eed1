import { createPledge } from '../src/identity/pledge.ts'
import { publicKeyOfPrivate } from '../src/identity/ed25519.ts'
import { createSigner, type Signer } from '../src/identity/signer.ts'
import type { ProfileDraft } from '../src/profile/draft.ts'

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** `count` signers, each with a pledge as personas have it. */
export const createSigners = async (count: number, random: () => number): Promise<Signer[]> => {
  const signers: Signer[] = []
  for (let i = 0; i < count; i++) {
    const [key, next] = [randomBytes(32, random), randomBytes(32, random)]
    const pledge = await createPledge(await createSigner(key), publicKeyOfPrivate(next))
    signers.push(await createSigner(key, { pledge }))
  }
  return signers
}

/** A profile as people write it; with pledge and signature its document is about 470 bytes. */
export const createDraft = (random: () => number): ProfileDraft => {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)]!
  const name = `${pick(GIVEN_NAMES)} ${pick(FAMILY_NAMES)}`
  return {
    name,
    bio: `${pick(TRAITS)}. ${pick(HABITS)}, and ${pick(HABITS).toLowerCase()}.`,
    tags: [pick(TAGS), `${pick(TAGS)} ${Math.floor(random() * 1_000)}`],
    links: [{ label: 'Blog', url: `https://${name.toLowerCase().replaceAll(' ', '-')}-${Math.floor(random() * 1e9)}.example` }],
    listed: true
  }
}

export const randomBytes = (length: number, random: () => number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(random() * 256))

const GIVEN_NAMES = ['Alice', 'Tomás', 'Ngozi', 'Jun', 'Fatima', 'Ilse', 'Marek', 'Sofía', 'Ravi', 'Noor']
const FAMILY_NAMES = ['Liddell', 'Novák', 'Okafor', 'Tanaka', 'Haddad', 'Brandt', 'Kowalska', 'Ríos', 'Iyer', 'Visser']
const TRAITS = ['Curious', 'Patient', 'Up before the birds', 'Never in a hurry', 'Good with knots', 'Bad with names']
const HABITS = ['Follows rabbits', 'Repairs old radios', 'Reads maps for pleasure', 'Bakes on Sundays', 'Collects seeds', 'Sails when there is wind']
const TAGS = ['botany', 'chess', 'radio', 'sailing', 'bread', 'maps', 'astronomy', 'choir']
