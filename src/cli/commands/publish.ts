import { dirname } from 'node:path'
import { formatLink } from '../../identity/link.ts'
import { encodeAttributes, readKind, readListed, type ProfileDraft } from '../../profile/draft.ts'
import type { Command } from '../command.ts'
import { deliver, deliveryJson, deliveryRows, notFresh } from '../delivery.ts'
import { table } from '../output.ts'
import { oneLine } from '../printable.ts'
import { MAX_PROFILE_FILE_BYTES, parseProfileFile, readPicture } from '../profile-file.ts'
import { readUserFile } from '../read-file.ts'
import type { Session } from '../session.ts'

export const publish: Command = {
  name: 'publish',
  usage: 'FILE|-',
  summary: 'publish your profile from a YAML or JSON file',
  details: `A profile file:

  name: Alice Liddell
  bio: Curious. Follows rabbits.
  tags: [botany, chess]
  location: { lat: 51.7548, lon: -1.2544, precision: 5000 }
  avatar: ./alice.png
  links: [{ label: Blog, url: https://alice.example }]
  listed: true

The picture is a file beside it: PNG, JPEG, GIF or WebP, at most 1 MiB. listed: true lets search engines show the profile.`,
  words: [1, 1],
  completes: 'file',
  examples: [
    { line: 'mercury publish alice.yaml', explains: 'the first version, or the next one' },
    { line: 'jq \'.bio = "New"\' alice.json | mercury publish -', explains: 'from a pipe' }
  ],
  place: 'directory',
  async run (session) {
    const { content, folder } = await readProfile(session, session.words[0]!)
    const picture = await readPicture(content, folder)
    checkDraft(content, picture !== undefined)
    const { personas } = await session.personas()
    const persona = await session.persona()
    const { profiles } = await session.open({ speaksFor: persona, sends: true })
    const draft: ProfileDraft = picture ? { ...content, avatar: await profiles.attach(picture.bytes, { type: picture.type, signal: session.signal }) } : content
    const first = personas.some(({ id, fresh }) => id === persona.id && fresh)
    const delivered = await notFresh(persona.id, session, async () => deliver(session, async (options) => profiles.publish(draft, persona, { ...options, first })))
    const link = formatLink({ id: persona.id, next: persona.pledge.next })
    const { paint } = session.output
    await session.output.answer({ ...deliveryJson(delivered), link }, [
      `${session.offline ? 'Saved' : 'Published'} ${paint('bold', oneLine(draft.name ?? 'your profile'))}, version ${delivered.sequence}`,
      ...table([['ID', paint('cyan', delivered.id)], ['Link', link], ...deliveryRows(delivered)], paint),
      ...(picture && !session.offline && !session.host.node ? ['', 'The picture can be fetched while a node has it: keep one running with mercury serve'] : []),
      '',
      session.offline ? 'Send it when you are online: mercury serve' : `Anybody can read it now: mercury resolve ${delivered.id}`
    ])
  }
}

const readProfile = async (session: Session, name: string): Promise<{ content: Record<string, unknown>; folder: string }> => {
  if (name === '-') return { content: parseProfileFile(await session.host.stdin.read(MAX_PROFILE_FILE_BYTES)), folder: session.host.cwd }
  const path = session.path(name)
  return { content: parseProfileFile(await readUserFile(path, 'profile file bytes', MAX_PROFILE_FILE_BYTES)), folder: dirname(path) }
}

/** Before anybody types a passphrase or waits for the network. */
const checkDraft = (content: Record<string, unknown>, hasPicture: boolean): void => {
  encodeAttributes(hasPicture ? { ...content, avatar: null } : content)
  readKind(content)
  readListed(content)
}
