import { utf8 } from '../../bytes.ts'
import { bytesAnswer } from '../answer.ts'
import { etagOf } from '../conditional.ts'
import { CONDITIONAL_PARAMETERS, NOT_MODIFIED, PRECONDITION_FAILED, headers } from '../operation.ts'
import { PAGE_POLICY, renderPage, type HomePage } from '../page.ts'
import type { Route } from '../route.ts'

/** The page for people. @param describe what it says of the home, read each time */
export const pageRoutes = (describe: () => HomePage | Promise<HomePage>): readonly Route[] => [{
  method: 'GET',
  pattern: '/',
  operation: {
    operationId: 'getPage',
    summary: 'What this is, for people',
    tags: ['service'],
    parameters: CONDITIONAL_PARAMETERS,
    responses: {
      200: { description: 'A page without scripts.', headers: headers({ etag: 'Names these very bytes.', 'cache-control': 'A minute.', 'content-security-policy': 'It runs nothing and asks nobody.', 'referrer-policy': 'Always no-referrer.' }), content: { 'text/html': {} } },
      304: NOT_MODIFIED,
      412: PRECONDITION_FAILED
    }
  },
  handle: async () => {
    const page = utf8(renderPage(await describe()))
    return bytesAnswer('text/html; charset=utf-8', page, { etag: etagOf(page), 'cache-control': 'public, max-age=60', 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'no-referrer' })
  }
}]
