import type { OpenedHome } from '../home.ts'
import type { HostingPolicy } from '../hosting/agreement.ts'
import { formatHomeLink } from '../hosting/invitation.ts'
import { formatLink } from '../identity/link.ts'
import type { ProfileId } from '../identity/profile-id.ts'
import { table } from './output.ts'
import { qrLines } from './qr-code.ts'
import type { Session } from './session.ts'

const MAX_LINKED_ADDRESSES = 4

const POLICIES: Readonly<Record<HostingPolicy, string>> = {
  open: 'open: anybody may join',
  invitation: 'invitation: whoever has one may join; mercury home invite makes one',
  closed: 'closed: nobody more may join'
}

/** Says what runs now, and how to come here. */
export const tellStart = async ({ output, directory, host }: Session, home: OpenedHome, { served, asked }: { served: ProfileId | undefined; asked: boolean }): Promise<void> => {
  const { id, link, url, urls, settings: { policy }, wordsFile, mercury: { addresses, peerId } } = home
  const persona = served === undefined ? undefined : { id: served, link: formatLink({ id: served, addresses: addresses.slice(0, MAX_LINKED_ADDRESSES) }) }
  if (url !== undefined && !asked && !url.endsWith(':8080')) await output.warn('ADDRESS_IN_USE', `127.0.0.1:8080 is taken by another program, so that HTTP is at ${url}; choose an address with --http`)
  const document = { event: 'started', directory, id, link, policy, ...(url === undefined ? {} : { http: url }), urls, addresses, peerId, ...(persona ? { persona } : {}), ...(wordsFile === undefined ? {} : { wordsFile }), pid: process.pid }
  const code = qrLines([link, ...shorter(id, home.description.addresses)], host.stdout)
  const { paint } = output
  await output.answer(document, [
    ...table([
      ['Home', paint('cyan', id)],
      ['Link', link],
      ['HTTP', url === undefined ? 'none' : [...new Set([url, ...urls])].join('\n')],
      ['Addresses', addresses.join('\n')],
      ['Policy', POLICIES[policy]],
      ['Serving', directory],
      ['Speaks for', persona && paint('cyan', persona.id)],
      ['Its link', persona?.link],
      ['Words', wordsFile === undefined ? undefined : paint('yellow', `${wordsFile}\nthey bring this home back: write them down, then delete the file`)]
    ], paint),
    '',
    ...(code.length > 0 ? [...code, ''] : []),
    'Stop it with Ctrl-C. Other commands on this directory go through it.'
  ])
}

/** The same link with fewer addresses: its code may fit where the other's does not. */
export const shorter = (home: ProfileId, addresses: readonly string[], voucher?: string): string[] =>
  addresses.length > 1 ? [formatHomeLink({ home, addresses: addresses.slice(0, 1), ...(voucher === undefined ? {} : { voucher }) })] : []
