import type { Resolved } from '../client/profiles.ts'
import type { Profile } from '../profile/view.ts'
import { table, type Paint, type Row } from './output.ts'
import { oneLine, printable } from './printable.ts'

export const resolvedJson = ({ id, profile, cid, sequence, freshness, expiresAt, checkedAt, source, answers, fork, branch }: Resolved) => ({
  id, profile, cid, sequence, freshness, expiresAt, checkedAt, source, answers,
  ...(fork ? { fork } : {}),
  ...(branch ? { branch } : {})
})

/** A profile for people; whatever its owner wrote is made harmless first. */
export const resolvedLines = (resolved: Resolved, paint: Paint): string[] => [
  ...profileLines(resolved.profile, paint),
  '',
  ...table([['ID', paint('cyan', resolved.id)], ['Version', versionOf(resolved)], ...troubleRows(resolved, paint)], paint)
]

const profileLines = (profile: Profile, paint: Paint): string[] => [
  `${paint('bold', profile.name === undefined ? '(no name)' : oneLine(profile.name))}${profile.kind === 'persona' ? '' : paint('dim', `  ${oneLine(profile.kind)}`)}`,
  ...(profile.bio === undefined ? [] : [printable(profile.bio)]),
  '',
  ...table(attributeRows(profile), paint)
]

const SHOWN = new Set(['name', 'bio', 'tags', 'type', 'lang', 'location', 'avatar', 'links'])

const attributeRows = ({ tags, type, lang, location, avatar, links, listed, attributes, ignored }: Profile): Row[] => [
  ['Tags', tags.map(oneLine).join(', ')],
  ['Type', type && oneLine(type)],
  ['Language', lang],
  ['Location', location && `${location.lat}, ${location.lon}${location.precision === undefined ? '' : ` (within ${location.precision} m)`}`],
  ['Picture', avatar && `${oneLine(avatar.type)}, ${avatar.size} bytes, ${avatar.cid.toString()}`],
  ['Links', links.map(({ label, url }) => `${label === undefined ? '' : `${oneLine(label)}: `}${oneLine(url)}`).join('\n')],
  ...Object.entries(attributes).filter(([key]) => !SHOWN.has(key)).map(([key, value]): Row => [key, oneLine(typeof value === 'string' ? value : JSON.stringify(value) ?? '')]),
  ['Listed', listed ? 'in search' : undefined],
  ['Left out', ignored.map(({ key, reason }) => `${oneLine(key)}: ${reason}`).join('\n')]
]

const versionOf = ({ sequence, freshness, source, checkedAt, expiresAt }: Resolved): string => {
  const until = expiresAt.toISOString().slice(0, 10)
  if (freshness === 'confirmed') return `${sequence}, confirmed by ${source}, valid until ${until}`
  const known = checkedAt.getTime() === 0 ? '' : `, last seen ${checkedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  if (freshness === 'expired') return `${sequence}, expired on ${until}: its owner has to publish again`
  if (freshness === 'behind') return `${sequence}; a newer one exists, but nobody had its document`
  return `${sequence}, from this device${known}`
}

const troubleRows = ({ fork, branch, answers }: Resolved, paint: Paint): Row[] => [
  ['Fork', fork && paint('yellow', `${fork.records.length} versions ${fork.sequence} were signed; this is the one that everybody chooses`)],
  ['Branch', branch && paint('yellow', 'this version was not made over the one seen before it: two devices, or somebody else with the key')],
  ['Asked', answers.filter(({ outcome }) => outcome !== 'found' && outcome !== 'unfinished').map(({ router, outcome, reason }) => `${router}: ${outcome}${reason === undefined ? '' : ` (${oneLine(reason)})`}`).join('\n')]
]
