import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { encodeCbor, type CborMap } from '../../src/cbor.ts'
import { publicKeyOfPrivate } from '../../src/identity/ed25519.ts'
import { createPledge } from '../../src/identity/pledge.ts'
import { createSigner } from '../../src/identity/signer.ts'
import { MICRODEGREES } from '../../src/profile/attribute.ts'
import { documentTime, signDocument, type ProfileDocument, type SignedDocument } from '../../src/profile/document.ts'
import type { ProfileDraft } from '../../src/profile/draft.ts'
import type { Location } from '../../src/profile/view.ts'
import { RAW } from '../../src/store/block.ts'
import { SHA2_256 } from '../../src/store/sha256.ts'
import { seededRandom } from '../profiles.ts'
import type { City } from './cities.ts'
import { sampleTag } from './interests.ts'
import { ownerKey } from './owner-keys.ts'
import { samplePopulation, type PersonName, type Population, type Script } from './populations.ts'
import { mix, pick, type Random } from './sampler.ts'
import { createStuffing, type Stuffing } from './stuffing.ts'

/**
 * A person of the set. Each is a function of the index alone, so a set of 1,000 is the beginning of one of a million, and nothing needs to be held.
 */
export interface DatasetProfile {
  readonly index: number
  readonly script: Script
  /** As it is in the document: not always the whole of what `person` is called. */
  readonly name: string
  readonly person: PersonName
  readonly bio: string
  readonly tags: readonly string[]
  readonly lang: string
  readonly kind: string
  readonly place?: string
  /** Degrees; `precision` in metres. */
  readonly location?: Location
  /** Where `location` is near, whether or not the profile says so. */
  readonly city: City
  readonly hasAvatar: boolean
  /** It repeats another's name to be found for it. */
  readonly stuffs?: Stuffing
}

const SEED = 6
const STUFFED = 0.004
/** Profiles before this are not stuffed: there are few to take a name from. */
const FIRST_STUFFED = 100
const NOW = 1_790_000_000
const DAY = 86_400
/** What comes after are keys of homes. */
const LAST_OWNER = 1_040_000
const KINDS = ['persona', 'persona', 'persona', 'persona', 'persona', 'persona', 'persona', 'persona', 'persona', 'persona', 'persona', 'persona', 'application', 'home', 'club', 'company']
const PRECISIONS = [100, 1_000, 1_000, 10_000, 10_000, 50_000]

/** The profile `index` (0 and up) of the set. */
export const datasetProfile = (index: number): DatasetProfile => {
  const honest = honestProfile(index)
  const random = randomOf(index, 1)
  if (index < FIRST_STUFFED || random() >= STUFFED) return honest
  const target = Math.floor(random() * index)
  const { name, script } = honestProfile(target)
  return { ...honest, ...createStuffing({ target, name, script, ownName: honest.name, random }) }
}

/**
 * Its document, with the fields and the bytes that a signed one has; `sig`, `pledge` and the home's acceptance are random, so it does not verify.
 * The key in `id` is one that profiles can have.
 */
export const datasetDocument = (profile: DatasetProfile): ProfileDocument => {
  const random = randomOf(profile.index, 2)
  const bytes = (length: number): Uint8Array => randomBytes(length, random)
  const time = timeOf(profile)
  return {
    v: 1,
    kind: profile.kind,
    id: idOf(ownerKey(profile.index)),
    seq: time,
    time,
    prev: null,
    next: bytes(32),
    pledge: bytes(64),
    attrs: attributesOf(profile),
    ...homesOf(profile, bytes),
    listed: true,
    sig: bytes(64)
  }
}

/** Canonical DAG-CBOR of {@link datasetDocument}, 400 to 2,600 bytes. */
export const datasetBytes = (index: number): Uint8Array => encodeCbor(datasetDocument(datasetProfile(index)))

/** The same profile, signed with a key that its index decides. The bytes are another document's than {@link datasetBytes}: its ID and its signatures are real, but for the home's. */
export const signDatasetProfile = async (index: number): Promise<SignedDocument> => {
  const profile = datasetProfile(index)
  const random = randomOf(index, 2)
  const bytes = (length: number): Uint8Array => randomBytes(length, random)
  const key = bytes(32)
  const pledge = await createPledge(await createSigner(key), publicKeyOfPrivate(bytes(32)))
  const time = timeOf(profile)
  return signDocument(draftOf(profile), await createSigner(key, { pledge }), { seq: time, prev: null, time }, { fields: homesOf(profile, bytes) })
}

const honestProfile = (index: number): DatasetProfile => {
  const random = randomOf(index, 0)
  const population = samplePopulation(random)
  const { lang, script } = population
  const person = population.name(random)
  const city = population.city(random)
  return {
    index,
    script,
    person,
    name: shownName(person, random),
    bio: random() < 0.85 ? writeBio(population, random) : '',
    tags: writeTags(lang, random),
    lang,
    kind: pick(KINDS, random),
    city,
    ...(random() < 0.6 ? { place: city.name } : {}),
    ...(random() < 0.5 ? { location: locationNear(city, random) } : {}),
    hasAvatar: random() < 0.35
  }
}

/** Some go by their given name or a handle, some write without capitals. */
const shownName = ({ given, full }: PersonName, random: Random): string => {
  const form = random()
  if (form < 0.03) return given
  if (form < 0.05) return `${given}${Math.floor(random() * 1_000)}`
  return form < 0.08 ? full.toLowerCase() : full
}

const writeBio = ({ bioWords: { word, space } }: Population, random: Random): string => {
  const words: string[] = []
  // Most bios are short, a few are long.
  const length = 3 + Math.floor(30 * random() ** 2)
  while (words.length < length) words.push(random() < 0.02 && space !== '' ? handle(random) : word(random))
  const bio = words.join(space)
  return space === '' ? `${bio}。` : `${bio.charAt(0).toUpperCase()}${bio.slice(1)}.`
}

/** What is in one bio and no other: open vocabulary. */
const handle = (random: Random): string => `@${Math.floor(random() * 2 ** 31).toString(36)}`

const writeTags = (lang: string, random: Random): string[] => {
  const tags = new Set<string>()
  for (let wanted = Math.floor(random() * 7); wanted > 0; wanted--) tags.add(sampleTag(lang, random))
  return [...tags]
}

/** Within about 30 kilometres, most of them nearer, and no finer than they want to be found. */
const locationNear = ({ lat, lon }: City, random: Random): Location => {
  const precision = pick(PRECISIONS, random)
  const kilometres = 30 * random() * random()
  const bearing = 2 * Math.PI * random()
  const north = (kilometres * Math.cos(bearing)) / 111.2
  const east = (kilometres * Math.sin(bearing)) / (111.2 * Math.cos((lat * Math.PI) / 180))
  const decimals = precision >= 10_000 ? 10 : precision >= 1_000 ? 100 : 1_000
  // Adding 0 makes -0 of it 0, which is what a document can hold.
  const rounded = (degrees: number): number => Math.round(degrees * decimals) / decimals + 0
  return { lat: rounded(lat + north), lon: rounded(lon + east), precision }
}

const timeOf = ({ index, kind }: DatasetProfile): number => documentTime(kind, (NOW - Math.floor(randomOf(index, 3)() * 1_000) * DAY) * 1_000)

const draftOf = (profile: DatasetProfile): ProfileDraft => {
  const { kind, name, bio, tags, lang, place, location } = profile
  return { kind, listed: true, name, bio, tags, lang, ...(place === undefined ? {} : { place }), ...(location ? { location } : {}), ...(profile.hasAvatar ? { avatar: avatarOf(profile) } : {}) }
}

const attributesOf = (profile: DatasetProfile): CborMap => {
  const { name, bio, tags, lang, place, location, hasAvatar } = profile
  return {
    name: name.normalize('NFC'),
    ...(bio === '' ? {} : { bio: bio.normalize('NFC') }),
    ...(tags.length === 0 ? {} : { tags: tags.map((tag) => tag.normalize('NFC')) }),
    lang,
    ...(place === undefined ? {} : { place }),
    ...(location ? { location: { lat: Math.round(location.lat * MICRODEGREES), lon: Math.round(location.lon * MICRODEGREES), precision: location.precision! } } : {}),
    ...(hasAvatar ? { avatar: avatarOf(profile) } : {})
  }
}

const avatarOf = ({ index }: DatasetProfile): { cid: CID; type: string; size: number } => {
  const random = randomOf(index, 4)
  return { cid: CID.createV1(RAW, createDigest(SHA2_256, randomBytes(32, random))), type: 'image/jpeg', size: 20_000 + Math.floor(random() * 80_000) }
}

/** Half of the personas have a home; its acceptance is as long as a real one. */
const homesOf = ({ index, kind }: DatasetProfile, bytes: (length: number) => Uint8Array): Pick<ProfileDocument, 'homes'> =>
  kind !== 'persona' || index % 2 === 0 ? {} : { homes: [{ id: idOf(HOME_KEYS[index % HOME_KEYS.length]!), since: NOW, sig: bytes(64) }] }

/** Each use of randomness has its own, so that one more number drawn here changes nothing there. */
function randomOf (index: number, use: number): Random {
  return seededRandom(mix(SEED + use, index))
}

function randomBytes (length: number, random: Random): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = Math.floor(random() * 256)
  return bytes
}

const idOf = (key: Uint8Array): Uint8Array => Uint8Array.from([...ID_PREFIX, ...key])

/** Of an ID's 38 bytes: an identity multihash of the protobuf of an Ed25519 key. */
const ID_PREFIX = [0x00, 36, 0x08, 0x01, 0x12, 32]
const HOME_KEYS = Array.from({ length: 200 }, (_, home) => ownerKey(LAST_OWNER + 1 + home))
