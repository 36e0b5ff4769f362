import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: { resolve: { conditions: ['kadmium-source', 'module', 'node', 'import', 'default'] } },
  resolve: { conditions: ['kadmium-source', 'module', 'node', 'import', 'default'] },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
  },
})
