import { configDefaults, defineConfig } from 'vitest/config'

const conditions = ['kadmium-source', 'module', 'node', 'import', 'default']

export default defineConfig({
  ssr: { resolve: { conditions } },
  resolve: { conditions },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'examples/**/*.test.ts',
      'interop/src/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    // These need a build and the registry: `npm run pack:test`.
    exclude: [...configDefaults.exclude, 'test/pack/**'],
    reporters: ['default', './test/reporter.ts'],
    testTimeout: 60_000,
    // Live networks are formed in hooks.
    hookTimeout: 60_000,
    // What is waited for comes about sooner, but not on a busy machine.
    expect: { poll: { timeout: 10_000 } },
  },
})
