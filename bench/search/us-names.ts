import { readFileSync } from 'node:fs'
import { createSampler, type Sampler } from './sampler.ts'

/** As {@link Sampler}s with the frequencies that the census counted; see data/README.md. */
export interface CensusNames {
  readonly surname: Sampler<string>
  readonly givenFemale: Sampler<string>
  readonly givenMale: Sampler<string>
}

export const readCensusNames = (): CensusNames => ({
  surname: readList('us-surnames.txt'),
  givenFemale: readList('us-given-female.txt'),
  givenMale: readList('us-given-male.txt')
})

const readList = (file: string): Sampler<string> => {
  const names: string[] = []
  const weights: number[] = []
  for (const line of readFileSync(new URL(`data/${file}`, import.meta.url), 'ascii').trimEnd().split('\n')) {
    const [weight, ...group] = line.split(' ')
    for (const name of group) {
      names.push(name.charAt(0).toUpperCase() + name.slice(1))
      weights.push(Number(weight) / group.length)
    }
  }
  return createSampler(names, weights)
}
