import { SEARCH_ANSWER_TYPE, encodeSearchAnswer } from '../../hosting/search-answer.ts'
import { parseNear, type QueryFilters } from '../../search/query/query.ts'
import { NO_STORE, bytesAnswer } from '../answer.ts'
import { TEXT, headers, problemResponse, type Parameter } from '../operation.ts'
import { ProblemError } from '../problem.ts'
import type { Answer, Route, RouteRequest } from '../route.ts'
import { searchHome, type SearchParts } from '../searched.ts'

const MAX_TAGS = 16

const parameter = (name: string, description: string, schema = TEXT): Parameter => ({ name, in: 'query', description, schema })

const PARAMETERS: readonly Parameter[] = [
  parameter('q', 'What somebody typed: at most 256 bytes and 16 words. May be empty where there is a filter.', { type: 'string', maxLength: 256 }),
  parameter('tag', 'A whole tag; may be given up to 16 times, all must be there.', { type: 'array', items: TEXT, maxItems: MAX_TAGS }),
  parameter('near', 'LAT,LON,KM: degrees, and how far at most from there to where a profile says it is.'),
  parameter('kind', 'persona, home, application.'),
  parameter('lang', 'A language of BCP 47; en finds en-GB too.'),
  parameter('limit', 'Hits on a page.', { type: 'integer', minimum: 1, maximum: 100, default: 10 }),
  parameter('cursor', 'Of the page before.')
]

/** Listed profiles that live here. */
export const searchRoutes = (parts: SearchParts): readonly Route[] => [{
  method: 'GET',
  pattern: '/search/v1',
  operation: {
    operationId: 'search',
    summary: 'Find profiles that are hosted here',
    description: 'One map of canonical DAG-CBOR: `{ v: 1, hits: [{ class, quality, record, document? }], cursor?, documents, rebuilding? }`, the best hits first. `record` is the newest record of the profile, with its document inside where it fits, else `document` is there: whoever asks verifies both, and computes the class anew.',
    tags: ['search'],
    parameters: PARAMETERS,
    responses: {
      200: { description: 'A page of hits.', headers: headers({ 'cache-control': 'Always no-store.' }), content: { [SEARCH_ANSWER_TYPE]: {} } },
      400: problemResponse('The query cannot be answered.', ['INVALID_QUERY', 'INVALID_CURSOR']),
      413: problemResponse('The query is too long, or asks for too much.', ['LIMIT_EXCEEDED']),
      503: problemResponse('The query took too long.', ['BUSY'])
    }
  },
  handle: (request) => answerSearch(request, parts)
}]

const answerSearch = async ({ query, signal }: RouteRequest, parts: SearchParts): Promise<Answer> => {
  const cursor = query.get('cursor')
  const { hits, cursor: next, documents, rebuilding } = await searchHome(query.get('q') ?? '', { ...readFilters(query), limit: readLimit(query), ...(cursor === null ? {} : { cursor }) }, parts, signal)
  const answered = hits.map(({ hit: { rank }, stored: { record, document } }) => ({ class: rank.class, quality: rank.quality, record, ...(document ? { document } : {}) }))
  return bytesAnswer(SEARCH_ANSWER_TYPE, encodeSearchAnswer({ hits: answered, ...(next === undefined ? {} : { cursor: next }), documents, rebuilding }), NO_STORE)
}

const readFilters = (query: URLSearchParams): QueryFilters => {
  const tags = query.getAll('tag')
  const near = query.get('near')
  const kind = query.get('kind')
  const lang = query.get('lang')
  return { ...(tags.length === 0 ? {} : { tags }), ...(near === null ? {} : { near: parseNear(near) }), ...(kind === null ? {} : { kind }), ...(lang === null ? {} : { lang }) }
}

const readLimit = (query: URLSearchParams): number => {
  const limit = query.get('limit') ?? '10'
  if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > 100) throw new ProblemError(400, 'INVALID_QUERY', 'limit is a whole number from 1 to 100')
  return Number(limit)
}
