/** Deeper than a logger that shows an error looks. */
const MAX_DEPTH = 6

/** Whether `secret` stands in what was thrown: in any text or bytes of its own, and of what it holds, its causes for example. */
export const tells = (thrown: unknown, secret: string): boolean => {
  const seen = new Set<object>()
  const tellsWithin = (value: unknown, depth: number): boolean => {
    if (typeof value === 'string') return value.includes(secret)
    if (typeof value !== 'object' || value === null || seen.has(value) || depth > MAX_DEPTH) return false
    seen.add(value)
    if (value instanceof Uint8Array) return new TextDecoder('latin1').decode(value).includes(secret)
    return partsOf(value).some((part) => tellsWithin(part, depth + 1))
  }
  return tellsWithin(thrown, 0)
}

const partsOf = (value: object): unknown[] => [
  ...Reflect.ownKeys(value).flatMap((key) => [typeof key === 'string' ? key : key.description, propertyOf(value, key)]),
  // What these hold is in no property of theirs.
  ...(value instanceof Map || value instanceof Set || value instanceof Headers ? [...value] : []),
  ...(value instanceof URL ? [value.href] : []),
  ...(value instanceof Request ? [value.url, value.headers] : [])
]

const propertyOf = (value: object, key: PropertyKey): unknown => {
  try {
    return Reflect.get(value, key)
  } catch {
    // A getter that throws tells nothing.
    return undefined
  }
}
