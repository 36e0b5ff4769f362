/** `npm run pack:test`: what is published, as its users get it. Needs a build, and the registry for dependencies. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/pack/**/*.test.ts'],
    globalSetup: './test/pack/setup.ts',
    reporters: ['default', './test/reporter.ts'],
    testTimeout: 120_000,
  },
})
