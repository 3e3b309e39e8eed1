import { describe, expect, it } from 'vitest'
import { createPeople } from '../../bench/search/people.ts'
import { createQueries } from '../../bench/search/queries.ts'

describe('queries with known answers', () => {
  const people = createPeople(1_500)
  const queries = createQueries(people)

  it('are thousands, of every kind and script', () => {
    expect(queries.length).toBeGreaterThan(2_000)
    expect(new Set(queries.map(({ kind }) => kind)).size).toBe(22)
    expect(new Set(queries.map(({ script }) => script)).size).toBe(12)
  })

  it('are the same for the same people', () => {
    expect(createQueries(people).map(({ kind, text, filters }) => [kind, text, filters])).toEqual(queries.map(({ kind, text, filters }) => [kind, text, filters]))
  })

  it('have an answer each', () => {
    const unanswered = queries.filter((query) => !people.some(({ profile: { index } }) => query.isAnswer(index)))
    expect(unanswered.map(({ kind, text }) => [kind, text])).toEqual([])
  })

  it('never have a stuffed profile for an answer to the name that it repeats', () => {
    const stuffed = queries.filter(({ kind }) => kind === 'stuffed')
    expect(stuffed.length).toBeGreaterThan(0)
    for (const query of stuffed) expect(people.filter(({ profile: { index, stuffs } }) => stuffs && query.isAnswer(index))).toEqual([])
  })

  it('do not take for an error what is the name of somebody', () => {
    for (const { text } of queries.filter(({ kind }) => kind.startsWith('typo:'))) {
      expect(people.filter(({ profile: { name } }) => name.toLowerCase() === text)).toEqual([])
    }
  })
})
