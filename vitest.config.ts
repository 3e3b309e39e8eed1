import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Examples import the package by its name, as its users do.
  resolve: { alias: [{ find: /^mercury-profiles$/, replacement: new URL('src/index.ts', import.meta.url).pathname }] },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    setupFiles: ['./test/property-seed.ts'],
    reporters: ['default', './test/summary-reporter.ts']
  }
})
