import type { Joined, Moved } from '../../client/hosting.ts'
import type { Command } from '../command.ts'
import { notFresh } from '../delivery.ts'
import { describeHome, agreement, leftRows, showHosting } from '../hosting.ts'
import { table } from '../output.ts'
import { MisuseError } from '../misuse.ts'
import { oneLine } from '../printable.ts'
import type { FlagTable } from '../flags.ts'
import type { Session } from '../session.ts'

export const HOME_HELP = 'HOME is the link of an invitation, a mercury: link, the URL of a home such as https://home.example, or its ID.'

export const AGREEMENT_FLAGS = {
  voucher: { type: 'string', value: 'TEXT', summary: 'an invitation of the home, where it does not stand in the link' },
  yes: { type: 'boolean', summary: 'agree to the home\'s terms without being asked' }
} as const satisfies FlagTable

export const join: Command = {
  name: 'join',
  usage: 'HOME [--voucher TEXT] [--yes]',
  summary: 'have a home keep your profile while you are away',
  details: `${HOME_HELP} Its terms are shown, and you are asked whether you agree.

The home keeps your profile and its pictures, and answers for it while your device sleeps. It cannot change anything, and you may leave it without asking. You may have up to 4; a version that you publish is sent to all of them.`,
  flags: AGREEMENT_FLAGS,
  words: [1, 1],
  examples: [
    { line: "mercury join 'mercury:k51…?addr=/dns4/home.example/tcp/443/https&invitation=…'", explains: 'as you were invited' },
    { line: 'mercury join https://home.example', explains: 'a home that takes anybody' }
  ],
  place: 'directory',
  async run (session) {
    const { mercury, persona, ...known } = await openForHomes(session)
    await session.output.progress(`asking ${oneLine(session.words[0]!).slice(0, 80)} …`)
    const joined = await notFresh(persona.id, session, async () => mercury.profiles.join(persona, session.words[0]!, joinOptions(session, known)))
    await session.output.answer({ id: persona.id, ...describeJoined(joined) }, [
      joined.already ? `${session.output.paint('cyan', joined.home)} hosts you already.` : `${session.output.paint('cyan', joined.home)} hosts you now.`,
      ...joinedLines(joined, session)
    ])
  }
}

/** The persona of this directory, and the way to homes. */
export const openForHomes = async (session: Session) => {
  if (session.offline) throw new MisuseError('a home has to be asked; leave --offline out')
  const { personas } = await session.personas()
  const persona = await session.persona()
  const first = personas.some(({ id, fresh }) => id === persona.id && fresh)
  const mercury = await session.open({ sends: true, speaksFor: persona })
  // The node of mercury serve is a home's own: it stays where it is reached.
  return { persona, mercury, first, peer: session.host.node ? undefined : mercury.peerId }
}

export const joinOptions = (session: Session, known: { first: boolean; peer: string | undefined }) => ({
  ...known,
  voucher: session.flags.text('voucher'),
  agreesTo: agreement(session),
  onProgress: showHosting(session),
  signal: session.signal
})

export const describeJoined = ({ home, acceptance, already, media, published }: Joined) => ({
  home,
  addresses: acceptance.addrs ?? [],
  since: new Date(acceptance.since * 1_000),
  ...(acceptance.until === undefined ? {} : { until: new Date(acceptance.until * 1_000) }),
  already,
  media,
  ...(published ? { cid: published.cid, sequence: published.sequence } : {})
})

export const joinedLines = (joined: Joined | Moved, { output }: Session): string[] => {
  const { acceptance, media: { blocks, bytes, missing }, published } = joined
  const [entry] = describeHome(acceptance)
  return table([
    ['At', entry?.addresses.map(oneLine).join('\n')],
    ['Until', acceptance.until === undefined ? undefined : new Date(acceptance.until * 1_000).toISOString().slice(0, 10)],
    ['Version', published && `${published.sequence}, which says so`],
    ['Brought', blocks === 0 ? undefined : `${blocks} ${blocks === 1 ? 'block' : 'blocks'}, ${bytes} bytes`],
    ['Missing', missing.length === 0 ? undefined : `${missing.map(String).join('\n')}\nnobody gave these; publish the picture again`],
    ...('left' in joined ? leftRows(joined.left) : [])
  ], output.paint)
}
