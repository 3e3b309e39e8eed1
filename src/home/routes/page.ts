import { utf8 } from '../../bytes.ts'
import { MercuryError } from '../../errors.ts'
import { NO_STORE, bytesAnswer } from '../answer.ts'
import { etagOf } from '../conditional.ts'
import { CONDITIONAL_PARAMETERS, NOT_MODIFIED, PRECONDITION_FAILED, TEXT, headers } from '../operation.ts'
import type { PageSearch } from '../page-search.ts'
import { PAGE_POLICY, renderPage, type HomePage } from '../page.ts'
import type { Answer, Route, RouteRequest } from '../route.ts'
import { searchHome, type SearchParts } from '../searched.ts'

const PAGE_HITS = 20

/** Why nothing was looked for, for people. */
const REFUSED: Readonly<Record<string, string>> = {
  INVALID_QUERY: 'Type at least two letters.',
  INVALID_CURSOR: 'There is no such page; search again.',
  LIMIT_EXCEEDED: 'That is too long; type a few words.',
  BUSY: 'That took too long; type more of the name.'
}

/** The page for people. @param describe what it says of the home, read each time */
export const pageRoutes = (describe: () => HomePage | Promise<HomePage>, parts: SearchParts): readonly Route[] => [{
  method: 'GET',
  pattern: '/',
  operation: {
    operationId: 'getPage',
    summary: 'What this is and who lives here, for people',
    tags: ['service'],
    parameters: [
      { name: 'q', in: 'query', description: 'What somebody typed: the page then shows who is found.', schema: TEXT },
      { name: 'cursor', in: 'query', description: 'Of the page of hits before.', schema: TEXT },
      ...CONDITIONAL_PARAMETERS
    ],
    responses: {
      200: { description: 'A page without scripts.', headers: headers({ etag: 'Names these very bytes; not where something was looked for.', 'cache-control': 'A minute; no-store where something was looked for.', 'content-security-policy': 'It runs nothing, and asks nobody but the home.', 'referrer-policy': 'Always no-referrer.' }), content: { 'text/html': {} } },
      304: NOT_MODIFIED,
      412: PRECONDITION_FAILED
    }
  },
  handle: async (request) => {
    const text = request.query.get('q')?.trim() ?? ''
    return text === '' ? answerPage(renderPage(await describe())) : answerPage(renderPage(await describe(), await search(text, request, parts)), NO_STORE)
  }
}]

const answerPage = (html: string, caching?: Readonly<Record<string, string>>): Answer => {
  const page = utf8(html)
  return bytesAnswer('text/html; charset=utf-8', page, { ...(caching ?? { etag: etagOf(page), 'cache-control': 'public, max-age=60' }), 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'no-referrer' })
}

const search = async (text: string, { query, signal }: RouteRequest, parts: SearchParts): Promise<PageSearch> => {
  const asked = query.get('cursor')
  try {
    const { hits, cursor, rebuilding } = await searchHome(text, { limit: PAGE_HITS, ...(asked === null ? {} : { cursor: asked }) }, parts, signal)
    return { text, hits: hits.map(({ hit }) => hit), rebuilding, ...(cursor === undefined ? {} : { cursor }) }
  } catch (error) {
    const refused = error instanceof MercuryError && Object.hasOwn(REFUSED, error.code) ? REFUSED[error.code]! : undefined
    if (refused === undefined) throw error
    return { text, refused }
  }
}
