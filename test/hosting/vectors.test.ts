import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/bytes.ts'
import { verifyInvitation } from '../../src/hosting/invitation.ts'
import { checkDigest, verifyRequestHead } from '../../src/hosting/request-signature.ts'
import { parseProfileId } from '../../src/identity/profile-id.ts'
import { frozenText, readFrozen, renderFrozen } from '../vectors/frozen.ts'
import { hostingVectors, type InvitationCase, type RequestCase } from '../vectors/make-hosting.ts'

interface Key { name: string; id: string }
const invitations = readFrozen<{ keys: Key[]; cases: InvitationCase[] }>('invitation', 'keys', 'cases')
const requests = readFrozen<{ cases: RequestCase[] }>('request', 'cases')

it.each(Object.entries(hostingVectors))('%s.json is what its script makes', (name, make) => {
  expect(renderFrozen(make())).toBe(frozenText(name))
})

describe('invitations', () => {
  const home = parseProfileId(invitations.keys.find(({ name }) => name === 'home')!.id)
  it.each(invitations.cases)('$name: $verdict', async ({ voucher, now, verdict, path, digest, uses, expires }) => {
    const judged = verifyInvitation(voucher, { home, ...(now === undefined ? {} : { now }) })
    if (verdict === 'accept') expect(await judged).toEqual({ home, digest, uses, expires })
    else await expect(judged).rejects.toMatchObject({ code: verdict, ...(path === undefined ? {} : { path }) })
  })
})

describe('signed requests', () => {
  it.each(requests.cases)('$name: $verdict', async ({ method, url, body, headers, now, verdict, signer }) => {
    const judge = async (): Promise<string> => {
      const head = await verifyRequestHead({ method, urls: [url], headers }, { now })
      checkDigest(head, utf8(body))
      return head.signer
    }
    if (verdict === 'accept') expect(await judge()).toBe(signer)
    else await expect(judge()).rejects.toMatchObject({ code: verdict })
  })
})
