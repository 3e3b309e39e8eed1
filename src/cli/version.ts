import { readFileSync } from 'node:fs'

/** Of the package that this file is part of, as source or compiled. */
export const VERSION = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }).version
