/** JSON, as OpenAPI and JSON Schema are written. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A JSON Schema of 2020-12. */
export type Schema = Readonly<Record<string, Json>>

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description: string
  readonly required?: boolean
  readonly schema: Schema
}

/** A media type with the schema of its JSON, or `{}` for bytes. */
export type Content = Readonly<Record<string, { readonly schema?: Schema }>>

export interface ResponseObject {
  readonly description: string
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>
  readonly content?: Content
}

/**
 * An Operation Object of OpenAPI 3.1, of what one route takes and answers. What every answer may be or carry is added when the document is made.
 *
 * @see https://spec.openapis.org/oas/v3.1.1.html#operation-object
 */
export interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly description: string; readonly required: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, ResponseObject>>
}

export const PROBLEM_TYPE = 'application/problem+json'

export const TEXT: Schema = { type: 'string' }

/** A response that is a problem document; `codes` are those that it may name. */
export const problemResponse = (description: string, codes: readonly string[] = []): ResponseObject => ({
  description: codes.length === 0 ? description : `${description} Codes: ${codes.join(', ')}.`,
  content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } }
})

/** Headers of an answer, each with what it says. */
export const headers = (descriptionByName: Readonly<Record<string, string>>): NonNullable<ResponseObject['headers']> =>
  Object.fromEntries(Object.entries(descriptionByName).map(([name, description]) => [name, { description, schema: TEXT }]))

/** The path parameter that is a profile ID. */
export const profileIdParameter = (name: string): Parameter => ({ name, in: 'path', required: true, description: 'A profile ID in any accepted spelling: k51…, bafzaa…, 12D3Koo….', schema: { type: 'string', minLength: 1, maxLength: 128 } })

/** What a conditional `GET` may bring. */
export const CONDITIONAL_PARAMETERS: readonly Parameter[] = [
  { name: 'if-none-match', in: 'header', description: 'ETags, or *: 304 when the answer has one of them.', schema: TEXT },
  { name: 'if-match', in: 'header', description: 'ETags, or *: 412 unless the answer has one of them.', schema: TEXT }
]

export const NOT_MODIFIED: ResponseObject = { description: 'What the asker has is current.', headers: headers({ etag: 'Names these very bytes.', 'cache-control': 'How long caches may answer.', 'last-modified': 'When it last changed.', vary: 'What the answer depends on.' }) }
export const PRECONDITION_FAILED: ResponseObject = problemResponse('A precondition does not hold.', ['PRECONDITION_FAILED'])
