/** The tree as the tidy test sees it: what people wrote, without what was installed, built or generated. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import ts from 'typescript'
import { ROOT } from '../fixture.ts'

export interface TextFile {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly text: string
}

export interface SourceFile extends TextFile {
  readonly tree: ts.SourceFile
}

const NOT_OURS = new Set([
  'node_modules',
  'dist',
  'coverage',
  'target',
  '.git',
  'package-lock.json',
])
const TEXT = /\.(ts|js|cjs|mjs|json|md|proto|ya?ml|sh)$|^\.ci\/|^LICENSE/
const SOURCE = /\.(ts|cjs|mjs|js)$/

/** A file as the rules take it; rules are tried on pieces of text that way. */
export function parse(path: string, text: string): SourceFile {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true) }
}

/** Every text file of the workspace. */
export function textFiles(): TextFile[] {
  const paths = readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => !NOT_OURS.has(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? walk(entry.name) : [entry.name]))
  return paths
    .filter((path) => TEXT.test(path) && !isGenerated(path))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

/** Those of them that are programs. */
export function sourceFiles(files: readonly TextFile[]): SourceFile[] {
  return files.filter(({ path }) => SOURCE.test(path)).map(({ path, text }) => parse(path, text))
}

/** What protons wrote lies beside the `.proto` it was made from. */
function isGenerated(path: string): boolean {
  return path.endsWith('.ts') && existsSync(join(ROOT, path.replace(/\.ts$/, '.proto')))
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.startsWith('test/')
}

function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => !NOT_OURS.has(basename(entry.name)))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      return entry.isDirectory() ? walk(path) : entry.isFile() ? [path] : []
    })
}
