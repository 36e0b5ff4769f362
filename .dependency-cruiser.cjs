/**
 * The arrows of the house (ARCHITECTURE.md). Type-only imports count as well: who knows another part's
 * types depends on it. `test/arrows.test.ts` breaks each of these rules once and sees that it is told.
 */

const TEST = '\\.test\\.ts$'

/** What every machine of core stands on, files of `packages/core/src`. */
const BASE =
  '^packages/core/src/(assert|config|key|messages|node-lists|node-rows|outbox|outcomes|peers|random|timers)\\.ts$'

/** The sources of the packages that are published. */
const PUBLISHED = '^packages/(core|libp2p|sim|cli)/src/'

const error = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to })

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    error(
      'core-stands-alone',
      'core imports no other package, no npm module and nothing of Node.',
      { path: '^packages/core/src/', pathNot: TEST },
      { pathNot: '^packages/core/src/' },
    ),
    error(
      'core-base-is-base',
      'The base of core imports nothing but the base.',
      { path: BASE },
      { path: '^packages/core/src/', pathNot: BASE },
    ),
    error(
      'core-machines-stand-on-the-base',
      'A machine of core imports the base and its own folder; what lies beside it in src is for node.ts.',
      { path: '^packages/core/src/[^/]+/', pathNot: TEST },
      { path: '^packages/core/src/[^/]+$', pathNot: BASE },
    ),
    error(
      'core-machines-are-strangers',
      'Sibling machines never import one another: node.ts carries what one tells the other.',
      { path: '^packages/core/src/([^/]+)/', pathNot: [TEST, '^packages/core/src/operation/'] },
      { path: '^packages/core/src/[^/]+/', pathNot: '^packages/core/src/$1/' },
    ),
    error(
      'core-operation-drives-lookups',
      'An operation may import the lookup, and no other machine.',
      { path: '^packages/core/src/operation/', pathNot: TEST },
      { path: '^packages/core/src/[^/]+/', pathNot: '^packages/core/src/(operation|lookup)/' },
    ),
    error(
      'front-door',
      'A package is entered through its index.ts: import it by its name.',
      { path: '^packages/([^/]+)/' },
      { path: '^packages/[^/]+/', pathNot: ['^packages/$1/', '^packages/[^/]+/src/index\\.ts$'] },
    ),
    error(
      'libp2p-runs-in-browsers',
      'A browser has nothing of Node: take it from the components, or from what all platforms have.',
      { path: '^packages/libp2p/src/', pathNot: TEST },
      { dependencyTypes: ['core'] },
    ),
    error(
      'libp2p-knows-no-sim',
      'The two hosts of the core never see each other.',
      { path: '^packages/libp2p/' },
      { path: '^packages/(sim|cli)/' },
    ),
    error(
      'sim-knows-no-libp2p',
      'The two hosts of the core never see each other.',
      { path: '^packages/sim/' },
      { path: '^packages/(libp2p|cli)/' },
    ),
    error(
      'published-never-imports-private',
      'testkit, testbed and interop are for tests and benches.',
      { path: PUBLISHED, pathNot: TEST },
      { path: '^(packages/(testkit|testbed)|interop)/' },
    ),
    error(
      'published-never-imports-dev',
      'Users do not get development dependencies.',
      { path: PUBLISHED, pathNot: TEST },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional'] },
    ),
    error(
      'tests-are-not-imported',
      'What two tests share belongs into testkit.',
      { pathNot: TEST },
      { path: TEST },
    ),
    error('no-cycles', 'Not even of types.', {}, { circular: true }),
    error('resolvable', 'Every import leads somewhere.', {}, { couldNotResolve: true }),
    error(
      'no-orphans',
      'A module that nobody imports is an entry or it is dead.',
      {
        orphan: true,
        pathNot: [TEST, '/src/index\\.ts$', '/bin/', '^bench/', '/report/page\\.js$', '\\.d\\.ts$'],
      },
      {},
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(packages/[^/]+|bench|interop)/(dist|rust)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['kadmium-source', 'import', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
}
