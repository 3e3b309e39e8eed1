import { bundle } from '../size/bundle.ts'

/** Gzip bytes of what a page loads before it can ask its first query, beside nothing at all. */
export const searchCodeBytes = async (): Promise<number> => (await bundle("export * from './src/search.ts'")).gzipBytes
