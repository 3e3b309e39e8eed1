import type { CurrentHome } from '../client/current-home.ts'
import type { Resolved } from '../client/profiles.ts'
import { table, type Paint } from './output.ts'
import { oneLine } from './printable.ts'

type Found = CurrentHome & { resolved: Resolved }

export const currentHomeJson = ({ home, addresses, confirmed, acceptance, passedOver, succession, resolved: { id, cid, sequence, freshness, source, answers } }: Found) => ({
  id, home, addresses, confirmed,
  since: new Date(acceptance.since * 1_000),
  ...(acceptance.until === undefined ? {} : { until: new Date(acceptance.until * 1_000) }),
  passedOver,
  ...(succession ? { succeededBy: succession.to } : {}),
  cid, sequence, freshness, source, answers
})

/** Where a profile lives, for people. */
export const currentHomeLines = ({ home, addresses, confirmed, acceptance, passedOver, succession, resolved: { id, sequence, source } }: Found, paint: Paint): string[] => table([
  ['ID', paint('cyan', id)],
  ['Home', paint('cyan', home)],
  ['Addresses', addresses.map(oneLine).join('\n')],
  ['Confirmed', confirmed ? 'by the home itself' : paint('yellow', 'no: the home did not answer')],
  ['Since', new Date(acceptance.since * 1_000).toISOString().slice(0, 10)],
  ['Version', `${sequence}, from ${source}`],
  ['Passed over', passedOver.map(({ home: other, code, reason }) => `${other ?? 'an entry that names nobody'}  ${code}: ${oneLine(reason)}`).join('\n')],
  ['Succeeded by', succession && paint('yellow', `${succession.to}; read that one instead`)]
], paint)
