import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

/** Of HTTP itself, not of any route. */
const TRANSPORT = new Set(['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding'])
/** What `fetch` and every client may send. */
const UNASKED = new Set(['content-type', 'content-length', 'user-agent', 'host', 'origin', 'accept-language', 'access-control-request-method', 'access-control-request-headers'])

interface Described {
  paths: Record<string, Record<string, OperationObject>>
  components: { schemas: Record<string, object> }
}

interface OperationObject {
  parameters?: { name: string; in: string; required?: boolean; schema: object }[]
  requestBody?: { required: boolean; content: Record<string, { schema?: object }> }
  responses: Record<string, { headers?: Record<string, { schema: object }>; content?: Record<string, { schema?: object }> }>
}

export type ValidatedFetch = (path: string, init?: RequestInit & { misuse?: boolean }) => Promise<Response>

/**
 * A `fetch` that holds a home to its own `/openapi.json`: a request or an answer that the document does not have is an error.
 * With `misuse` the request may be one that the document forbids; its answer may not.
 */
export const openValidatedFetch = async (base: string): Promise<ValidatedFetch> => {
  const document = await (await fetch(`${base}/openapi.json`)).json() as Described
  const ajv = new Ajv2020({ strict: false, coerceTypes: 'array' })
  addFormats.default(ajv)
  const check = (what: string, schema: object, value: unknown): void => {
    const validate = ajv.compile('$ref' in schema ? document.components.schemas[String(schema.$ref).split('/').at(-1)!]! : schema)
    // Wrapped, so that what arrives as text is read as its schema says.
    const held = { value }
    if (!validate(held.value)) throw new Error(`${what}: ${ajv.errorsText(validate.errors)}`)
  }

  return async (path, { misuse = false, ...init } = {}) => {
    const url = new URL(path, base)
    const method = (init.method ?? 'GET').toLowerCase()
    const found = Object.entries(document.paths).map(([pattern, item]) => ({ pattern, item, match: new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, '([^/]+)')}$`).exec(url.pathname) })).find(({ match }) => match)
    if (!found) throw new Error(`${url.pathname} is not documented`)
    const where = `${method} ${found.pattern}`
    const operation = found.item[method]
    if (!misuse) {
      if (!operation) throw new Error(`${where} is not documented`)
      checkRequest(where, operation, { url, parameter: found.match![1], init }, check)
    }
    const response = await fetch(url, init)
    const described = operation ?? { responses: { 405: Object.values(found.item)[0]!.responses[500]! } }
    await checkResponse(`${where} ${response.status}`, described, response, check)
    return response
  }
}

type Check = (what: string, schema: object, value: unknown) => void

const checkRequest = (where: string, { parameters = [], requestBody }: OperationObject, { url, parameter, init }: { url: URL; parameter: string | undefined; init: RequestInit }, check: Check): void => {
  const headers = new Headers(init.headers)
  const known = (place: string) => parameters.filter((described) => described.in === place)
  const [inPath] = known('path')
  if (inPath) check(`${where} ${inPath.name}`, inPath.schema, decodeURIComponent(parameter!))
  for (const name of new Set(url.searchParams.keys())) {
    const described = known('query').find((other) => other.name === name)
    if (!described) throw new Error(`${where}: the query ${name} is not documented`)
    const values = url.searchParams.getAll(name)
    check(`${where} ${name}`, described.schema, 'type' in described.schema && described.schema.type === 'array' ? values : values[0])
  }
  for (const [name] of headers) if (!UNASKED.has(name) && !known('header').some((described) => described.name === name)) throw new Error(`${where}: the request header ${name} is not documented`)
  for (const { name, required, in: place } of parameters) if (required && place !== 'path' && !headers.has(name) && !url.searchParams.has(name)) throw new Error(`${where}: ${name} is missing`)
  if (requestBody && init.body !== undefined && !requestBody.content[mediaType(headers)]) throw new Error(`${where}: a body of ${mediaType(headers)} is not documented`)
  if (!requestBody && init.body) throw new Error(`${where}: no body is documented`)
}

const checkResponse = async (where: string, operation: OperationObject, response: Response, check: Check): Promise<void> => {
  const described = operation.responses[response.status]
  if (!described) throw new Error(`${where} is not documented`)
  for (const [name, value] of response.headers) {
    if (TRANSPORT.has(name)) continue
    const header = described.headers?.[name]
    if (!header && !(response.status === 405 && name === 'allow')) throw new Error(`${where}: the header ${name} is not documented`)
    if (header) check(`${where} ${name}`, header.schema, value)
  }
  const type = mediaType(response.headers)
  if (type === '') return
  const content = described.content?.[type]
  if (!content) throw new Error(`${where}: ${type} is not documented`)
  // A stream has no end to wait for.
  if (content.schema && response.body && type !== 'text/event-stream') {
    const text = await response.clone().text()
    if (text !== '') check(where, content.schema, JSON.parse(text))
  }
}

const mediaType = (headers: Headers): string => headers.get('content-type')?.split(';')[0]?.trim() ?? ''
