/** That the core is pure is not a promise: its compiler settings and its manifest leave no other way. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { ROOT } from './fixture.ts'

const CORE = join(ROOT, 'packages/core')

function coreOptions(): ts.CompilerOptions {
  const path = join(CORE, 'tsconfig.json')
  const { config } = ts.readConfigFile(path, ts.sys.readFile)
  return ts.parseJsonConfigFileContent(config, ts.sys, CORE).options
}

test('the core depends on nothing', () => {
  const manifest = JSON.parse(readFileSync(join(CORE, 'package.json'), 'utf8'))
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies'])
    expect(Object.keys(manifest[kind] ?? {}), kind).toEqual([])
})

test('the core compiles without the types of a browser or of Node', () => {
  const { lib, types } = coreOptions()
  expect(lib).toEqual(['lib.es2023.d.ts'])
  expect(types).toEqual([])
})

test('with these settings surroundings are compile errors', () => {
  const names = ['setTimeout', 'console', 'process', 'performance', 'crypto', 'document', 'Buffer']
  const path = join(CORE, 'src/probe.ts')
  const text = [...names.map((name) => `export const a${name}: unknown = ${name}`), '']
  const options = { ...coreOptions(), noEmit: true, composite: false, skipLibCheck: true }
  const host = ts.createCompilerHost(options)
  const fileExists = host.fileExists
  const readFile = host.readFile
  host.fileExists = (name) => name === path || fileExists(name)
  host.readFile = (name) => (name === path ? text.join('\n') : readFile(name))
  const probe = ts.createProgram([path], options, host)
  const told = probe
    .getSemanticDiagnostics(probe.getSourceFile(path))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '))
  for (const name of names)
    expect(
      told.filter((message) => message.includes(`'${name}'`)),
      name,
    ).toHaveLength(1)
})
