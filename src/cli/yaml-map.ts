import { LineCounter, parseAllDocuments } from 'yaml'

/** How many values aliases may stand for, in all. */
const MAX_ALIASES = 100

/**
 * One map in YAML 1.2 or JSON, each key once, no tags, few aliases; its size is the caller's to judge before.
 *
 * @param fail makes the error of a text that is something else; `line` where it is known
 */
export const parseYamlMap = (bytes: Uint8Array, fail: (reason: string, options?: ErrorOptions & { line?: number }) => Error): Record<string, unknown> => {
  const lines = new LineCounter()
  const documents = parseAllDocuments(decodeText(bytes, fail), { version: '1.2', schema: 'core', uniqueKeys: true, stringKeys: true, resolveKnownTags: false, prettyErrors: false, logLevel: 'silent', lineCounter: lines })
  if (!Array.isArray(documents) || documents.length === 0) throw fail('it is empty')
  if (documents.length > 1) throw fail('it has more than one document')
  const [document] = documents
  const [problem] = [...document!.errors, ...document!.warnings]
  if (problem) throw fail(lowerCase(problem.message), { line: lines.linePos(problem.pos[0]).line, cause: problem })
  const value = toValue(document!, fail)
  if (value === null || value === undefined) throw fail('it is empty')
  if (typeof value !== 'object' || Array.isArray(value)) throw fail('it is not a map such as name: Alice')
  return value as Record<string, unknown>
}

const decodeText = (bytes: Uint8Array, fail: (reason: string, options?: ErrorOptions) => Error): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw fail('it is not UTF-8 text', { cause: error })
  }
}

const toValue = (document: { toJS(options: { maxAliasCount: number }): unknown }, fail: (reason: string, options?: ErrorOptions) => Error): unknown => {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (error) {
    throw fail(lowerCase((error as Error).message), { cause: error })
  }
}

const lowerCase = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1)
