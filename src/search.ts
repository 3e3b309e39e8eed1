/** Search over profiles: a local index, published indexes, several at once, and the audit of one. How it works stands in docs/search.md. */
export { MATCH_CLASSES, type MatchClass, type Rank } from './search/rank.ts'
export { InvalidIndexBlockError } from './search/segment/index-block.ts'
export { ANALYSER_VERSION } from './search/analyser/fold.ts'
