import { utf8 } from '../../bytes.ts'
import { parseProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { SECOND_MS } from '../../limits.ts'
import { EVENT_KEY, type ChangeEvent, type ChangeLog } from '../change-log.ts'
import type { EventFeed } from '../event-feed.ts'
import { TEXT, headers, problemResponse } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import { AddressCounts } from '../request-limits.ts'
import type { Answer, Route, RouteRequest } from '../route.ts'

export const MAX_EVENT_IDS = 100
export const MAX_STREAMS = 512
export const MAX_STREAMS_PER_ADDRESS = 8
const EVENT_STREAM_TYPE = 'text/event-stream'
const HEARTBEAT_MS = 15 * SECOND_MS
/** How long a client waits before it connects again. */
const RETRY_MS = 3 * SECOND_MS

export interface EventsParts {
  changes: ChangeLog
  feed: EventFeed
  /** @default 15 s */
  heartbeatMs?: number
}

/** New versions as they come, as server-sent events. @see https://html.spec.whatwg.org/multipage/server-sent-events.html */
export const eventsRoutes = (parts: EventsParts): readonly Route[] => {
  const streams = new AddressCounts(MAX_STREAMS_PER_ADDRESS)
  const open = { count: 0 }
  return [{
    method: 'GET',
    pattern: '/events/v1',
    operation: {
      operationId: 'getEvents',
      summary: 'New versions of hosted profiles, as they come',
      description: 'Event `profile` with data `{ id, cid, sequence }`; several versions in a short time may be one event. After `last-event-id` comes what was missed, for up to 7 days; an event `missed` says that some of it is not known any more. A stream that is not read is ended.',
      tags: ['events'],
      parameters: [
        { name: 'id', in: 'query', description: 'Profiles to follow, at most 100; all that are hosted by default. A stream of a profile that is not hosted stays silent.', schema: { type: 'array', items: TEXT, maxItems: MAX_EVENT_IDS } },
        { name: 'last-event-id', in: 'header', description: 'The id of the last event that came: the stream goes on after it.', schema: TEXT }
      ],
      responses: {
        200: { description: 'The stream. Comments keep it alive.', headers: headers({ 'cache-control': 'Always no-store.', 'x-accel-buffering': 'Asks a proxy not to hold events back.' }), content: { [EVENT_STREAM_TYPE]: {} } },
        400: problemResponse('An id is no profile ID, there are too many, or Last-Event-ID is none of this home.', ['INVALID_PROFILE_ID', 'INVALID_QUERY'])
      }
    },
    async handle (request) {
      const ids = readIds(request.query)
      const after = readLastEventId(request)
      if (request.method === 'HEAD') return { status: 200, headers: STREAM_HEADERS }
      if (open.count >= MAX_STREAMS) throw new ProblemError(503, 'BUSY', 'this home has as many streams open as it may', { headers: { 'retry-after': '30' } })
      if (!streams.add(request.client)) throw new ProblemError(429, 'TOO_MANY_REQUESTS', `your address has ${MAX_STREAMS_PER_ADDRESS} streams open`, { headers: { 'retry-after': '30' } })
      open.count++
      const { signal } = request
      signal.addEventListener('abort', () => {
        open.count--
        streams.remove(request.client)
      }, { once: true })
      return { status: 200, headers: STREAM_HEADERS, body: streamEvents(ids, after, signal, parts), endless: true } satisfies Answer
    }
  }]
}

const STREAM_HEADERS = { 'content-type': EVENT_STREAM_TYPE, 'cache-control': 'no-store', 'x-accel-buffering': 'no' }

/** Ends, without an error, when `signal` aborts. */
async function * streamEvents (ids: ReadonlySet<ProfileId> | undefined, after: string | undefined, signal: AbortSignal, { changes, feed, heartbeatMs = HEARTBEAT_MS }: EventsParts): AsyncGenerator<Uint8Array> {
  const isLost = after !== undefined && !(await changes.has(after))
  let key = isLost ? undefined : (after ?? await changes.last())
  yield utf8(`retry: ${RETRY_MS}\n\n${isLost ? 'event: missed\ndata: {}\n\n' : ''}`)
  while (!signal.aborted) {
    // Of each wait its own: nothing is left behind on a signal that lives for days.
    const events = await feed.next(key, AbortSignal.any([signal, AbortSignal.timeout(heartbeatMs)])).catch(() => undefined)
    if (signal.aborted) return
    if (!events) {
      yield HEARTBEAT
      continue
    }
    key = events.at(-1)!.key
    const shown = ids ? events.filter(({ id }) => ids.has(id)) : events
    if (shown.length > 0) yield utf8(shown.map(format).join(''))
  }
}

const HEARTBEAT = utf8(':\n\n')

const format = ({ key, id, cid, sequence }: ChangeEvent): string =>
  `id: ${key}\nevent: profile\ndata: ${JSON.stringify({ id, cid: cid.toString(), sequence: sequence <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sequence) : sequence.toString() })}\n\n`

const readIds = (query: URLSearchParams): ReadonlySet<ProfileId> | undefined => {
  const texts = query.getAll('id')
  if (texts.length > MAX_EVENT_IDS) throw new ProblemError(400, 'INVALID_QUERY', `at most ${MAX_EVENT_IDS} profiles can be followed in one stream; got ${texts.length}`)
  return texts.length === 0 ? undefined : new Set(texts.map(parseProfileId))
}

const readLastEventId = ({ headers }: RouteRequest): string | undefined => {
  const text = headers['last-event-id']
  if (text === undefined || text === '') return undefined
  if (typeof text !== 'string' || !EVENT_KEY.test(text)) throw new ProblemError(400, 'INVALID_QUERY', 'Last-Event-ID is none that this home gave')
  return text
}
