import { expect, it } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { tells } from '../../src/testing/secret.ts'

const SECRET = 'the-secret'
const circular: Record<string, unknown> = { authorization: `Bearer ${SECRET}` }
circular.self = circular
const withCode = Object.assign(new Error('it failed'), { code: SECRET })
const withStack = new Error('it failed')
withStack.stack = `Error: ${SECRET}`

it.each([
  ['its message', new StoreError(`${SECRET} was refused`)],
  ['its stack', withStack],
  ['a property', withCode],
  ['the message of a cause', new StoreError('it failed', { cause: new Error(SECRET) })],
  ['a cause of a cause', new StoreError('it failed', { cause: new Error('it failed', { cause: new Error(SECRET) }) })],
  ['one of several errors', new AggregateError([new Error('it failed'), new Error(SECRET)])],
  ['a cause that is text', new StoreError('it failed', { cause: SECRET })],
  ['a cause that holds itself', new StoreError('it failed', { cause: circular })],
  ['a name', new StoreError('it failed', { cause: { [SECRET]: 1 } })],
  ['a symbol', new StoreError('it failed', { cause: { [Symbol(SECRET)]: 1 } })],
  ['a getter', new StoreError('it failed', { cause: { get token () { return SECRET } } })],
  ['bytes', new StoreError('it failed', { cause: Buffer.from(`AUTH ${SECRET}`) })],
  ['headers', new StoreError('it failed', { cause: new Headers({ authorization: SECRET }) })],
  ['a map', new StoreError('it failed', { cause: new Map([['token', SECRET]]) })],
  ['a URL', new StoreError('it failed', { cause: new URL(`http://user:${SECRET}@example.org`) })],
  ['a request', new StoreError('it failed', { cause: new Request('http://example.org', { headers: { authorization: SECRET } }) })],
  ['what is no error', SECRET]
])('a secret is found in %s', (_, thrown) => {
  expect(tells(thrown, SECRET)).toBe(true)
})

it.each([
  ['nothing', undefined],
  ['another text', new StoreError('it failed', { cause: { token: 'another', self: circular.self === circular } })],
  ['a getter that throws', new StoreError('it failed', { cause: { get token (): string { throw new Error(SECRET) } } })]
])('no secret is found in %s', (_, thrown) => {
  expect(tells(thrown, SECRET)).toBe(false)
})
