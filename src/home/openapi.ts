import { NO_STORE, jsonAnswer } from './answer.ts'
import { headers, problemResponse, type Json, type Operation, type ResponseObject } from './operation.ts'
import type { Route } from './route.ts'

const PATTERN = '/openapi.json'

/** What any request may be answered with, whatever its route. */
const COMMON_RESPONSES: Readonly<Record<string, ResponseObject>> = {
  429: { ...problemResponse('Too many requests from one address.', ['TOO_MANY_REQUESTS']), headers: headers({ 'retry-after': 'Seconds.' }) },
  500: problemResponse('Something went wrong inside.', ['INTERNAL', 'STORE_FAILED', '…']),
  503: { ...problemResponse('The home is too busy, or is stopping.', ['BUSY', 'CLOSED', 'NOT_READY']), headers: headers({ 'retry-after': 'Seconds.' }) }
}

/** What every answer carries. */
const COMMON_HEADERS = headers({
  'access-control-allow-origin': 'Always *.',
  'access-control-expose-headers': 'Always *.',
  'x-content-type-options': 'Always nosniff.'
})

const PROBLEM_SCHEMA: Json = {
  type: 'object',
  description: 'RFC 9457. `code` is stable and meant for programs, `detail` for people.',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: { type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, detail: { type: 'string' }, code: { type: 'string' } },
  additionalProperties: false
}

const OPTIONS: Operation = {
  operationId: 'options',
  summary: 'What is possible here, for pages of any origin',
  tags: ['service'],
  responses: { 204: { description: 'The methods.', headers: headers({ allow: 'The methods.', 'access-control-allow-methods': 'The methods.', 'access-control-allow-headers': 'Headers that may be sent.', 'access-control-max-age': 'Seconds.' }) } }
}

/** `routes` with the route that describes them all: the document is made of the table that the server answers by, so that they cannot differ. */
export const withOpenApi = (routes: readonly Route[], { version }: { version: string }): readonly Route[] => {
  let document: Json | undefined
  const described: Route = {
    method: 'GET',
    pattern: PATTERN,
    operation: {
      operationId: 'getDescription',
      summary: 'This document',
      tags: ['service'],
      responses: { 200: { description: 'OpenAPI 3.1.', headers: headers({ 'cache-control': 'Always no-store.' }), content: { 'application/json': { schema: { type: 'object' } } } } }
    },
    handle: () => jsonAnswer(document ??= createOpenApi(all, version), NO_STORE)
  }
  const all = [...routes, described]
  return all
}

/** @see https://spec.openapis.org/oas/v3.1.1.html */
const createOpenApi = (routes: readonly Route[], version: string): Json => ({
  openapi: '3.1.1',
  info: { title: 'Mercury home', version, description: 'A home keeps profiles and answers for them. Whatever it says is checked against signatures: nothing here needs to be believed.', license: { name: 'MIT', identifier: 'MIT' } },
  servers: [{ url: '/' }],
  tags: [...new Set(routes.flatMap(({ operation }) => operation.tags))].map((name) => ({ name })),
  paths: Object.fromEntries([...Map.groupBy(routes, ({ pattern }) => pattern)].map(([pattern, ofPattern]) => [pattern, pathItem(ofPattern)])),
  components: { schemas: { Problem: PROBLEM_SCHEMA } }
})

const pathItem = (routes: readonly Route[]): Json => {
  const operations = routes.flatMap(({ method, operation }) => [
    [method.toLowerCase(), describe(operation)] as const,
    ...(method === 'GET' ? [['head', describe(headOf(operation))] as const] : [])
  ])
  const [{ operation }] = routes as readonly [Route]
  const parameters = operation.parameters?.filter((parameter) => parameter.in === 'path') ?? []
  return Object.fromEntries([...operations, ['options', describe({ ...OPTIONS, operationId: `options-${operation.operationId}`, parameters })]])
}

/** The same without a body; ranges are of GET alone. */
const headOf = ({ operationId, responses, ...operation }: Operation): Operation => {
  const { 206: _, 416: __, ...others } = responses
  return { ...operation, operationId: `head-${operationId}`, responses: others }
}

const describe = (operation: Operation): Json => ({
  ...operation,
  responses: Object.fromEntries(Object.entries({ ...COMMON_RESPONSES, ...operation.responses }).map(([status, response]) => [status, withCommonHeaders(status, response)]))
}) as unknown as Json

const withCommonHeaders = (status: string, response: ResponseObject): ResponseObject => {
  const common = COMMON_RESPONSES[status]?.headers
  const problem = Number(status) >= 400 ? headers({ 'cache-control': 'Always no-store.', ...(status === '412' ? { etag: 'Of what is there.' } : {}) }) : {}
  return { ...response, headers: { ...COMMON_HEADERS, ...problem, ...common, ...response.headers } }
}
