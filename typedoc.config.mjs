/** @type {import('typedoc').TypeDocOptions} */
export default {
  name: 'Kadmium',
  plugin: ['./docs/typedoc/unions.mjs'],
  entryPointStrategy: 'packages',
  entryPoints: ['packages/core', 'packages/libp2p', 'packages/sim'],
  packageOptions: {
    entryPoints: ['src/index.ts'],
    excludePrivate: true,
    excludeInternal: true,
    validation: {
      notExported: true,
      invalidLink: true,
      invalidPath: true,
      rewrittenLink: true,
      notDocumented: true,
      unusedMergeModuleWith: true,
    },
  },
  // Each package has a page of its own with its own README; the first page is that of the repository.
  readme: 'README.md',
  out: 'docs/api',
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
}
