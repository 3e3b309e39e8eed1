import { dirname } from 'node:path'
import { BLOCKS_TARGET } from '../../client/outbox.ts'
import type { Profiles } from '../../client/profiles.ts'
import { formatLink } from '../../identity/link.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import { encodeAttributes, readKind, readListed, type ProfileDraft } from '../../profile/draft.ts'
import { MAX_VCARD_BYTES, isVcard } from '../../vcard.ts'
import type { Command } from '../command.ts'
import { deliver, deliveryJson, deliveryRows, notFresh, type Delivered } from '../delivery.ts'
import { describeHome, whereIn } from '../hosting.ts'
import { table } from '../output.ts'
import { oneLine } from '../printable.ts'
import { parseProfileFile, readPicture, type Picture } from '../profile-file.ts'
import { readUserFile } from '../read-file.ts'
import type { Session } from '../session.ts'
import { parseVcardFile, warnOfLoss } from '../vcard-file.ts'

export const publish: Command = {
  name: 'publish',
  usage: 'FILE|-',
  summary: 'publish your profile from a YAML or JSON file, or a vCard',
  details: `A profile file:

  name: Alice Liddell
  bio: Curious. Follows rabbits.
  tags: [botany, chess]
  location: { lat: 51.7548, lon: -1.2544, precision: 5000 }
  avatar: ./alice.png
  links: [{ label: Blog, url: https://alice.example }]
  listed: true

The picture is a file beside it: PNG, JPEG, GIF or WebP, at most 1 MiB. listed: true lets search engines show the profile.

Of a vCard, version 3.0 or 4.0, the name, note, categories, language, place, picture and URLs are taken, and the rest is named. E-mail and postal addresses and telephone numbers stay out, for a profile is public.`,
  words: [1, 1],
  completes: 'file',
  examples: [
    { line: 'mercury publish alice.yaml', explains: 'the first version, or the next one' },
    { line: 'mercury publish alice.vcf', explains: 'from an address book' },
    { line: 'jq \'.bio = "New"\' alice.json | mercury publish -', explains: 'from a pipe' }
  ],
  place: 'directory',
  async run (session) {
    const { content, picture, lost } = await readProfile(session, session.words[0]!)
    checkDraft(content, picture !== undefined)
    await warnOfLoss(session, 'left out of the profile', lost)
    const { personas } = await session.personas()
    const persona = await session.persona()
    const { profiles, helia } = await session.open({ speaksFor: persona, sends: true })
    const draft: ProfileDraft = picture ? { ...content, avatar: await profiles.attach(picture.bytes, { type: picture.type, signal: session.signal }) } : content
    const first = personas.some(({ id, fresh }) => id === persona.id && fresh)
    const delivered = await notFresh(persona.id, session, async () => deliver(session, async (options) => profiles.publish(draft, persona, { ...options, first })))
    const link = await linkTo(persona.id, profiles, session)
    const { paint } = session.output
    await session.output.answer({ ...deliveryJson(delivered), link }, [
      `${session.offline ? 'Saved' : 'Published'} ${paint('bold', oneLine(draft.name ?? 'your profile'))}, version ${delivered.sequence}`,
      ...table([['ID', paint('cyan', delivered.id)], ['Link', link], ...deliveryRows(delivered)], paint),
      ...(picture && helia && !session.host.node && !hasHome(delivered) ? ['', 'The picture can be fetched while a node has it: keep one running with mercury serve'] : []),
      '',
      whatNow(delivered, session)
    ])
  }
}

/** It keeps the picture. */
const hasHome = ({ receipts }: Delivered): boolean => receipts.some(({ target, outcome }) => target.startsWith('home:') && outcome === 'delivered')

const whatNow = ({ id, receipts }: Delivered, { offline }: Session): string => {
  if (offline) return 'Send it when you are online: mercury serve'
  const isFound = receipts.some(({ target, outcome }) => target !== BLOCKS_TARGET && outcome === 'delivered')
  return isFound ? `Anybody can read it now: mercury resolve ${id}` : 'Nobody else can find it: there is no router; name one in mercury.config.yaml, or with --router'
}

/** With where the profile lives, and the pledge that it shows: one whose key was imported may have been published without any. */
const linkTo = async (id: ProfileId, profiles: Profiles, { signal }: Session): Promise<string> => {
  const { document: { next, homes = [] } } = await profiles.resolve(id, { policy: 'offline', signal })
  return formatLink({ id, ...whereIn(homes.flatMap(describeHome)), ...(next ? { next } : {}) })
}

const readProfile = async (session: Session, name: string): Promise<{ content: Record<string, unknown>; picture?: Picture | undefined; lost: readonly string[] }> => {
  const path = session.path(name)
  // The limit of a YAML file is lower, and is checked where it is read.
  const bytes = name === '-' ? await session.host.stdin.read(MAX_VCARD_BYTES) : await readUserFile(path, 'profile file bytes', MAX_VCARD_BYTES)
  if (isVcard(bytes)) return parseVcardFile(bytes)
  const content = parseProfileFile(bytes)
  return { content, picture: await readPicture(content, name === '-' ? session.host.cwd : dirname(path)), lost: [] }
}

/** Before anybody types a passphrase or waits for the network. */
const checkDraft = (content: Record<string, unknown>, hasPicture: boolean): void => {
  encodeAttributes(hasPicture ? { ...content, avatar: null } : content)
  readKind(content)
  readListed(content)
}
