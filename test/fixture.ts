import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** The root of the workspace. */
export const ROOT: string = join(import.meta.dirname, '..')

export interface Tree extends Disposable {
  /** Where it lies. */
  readonly root: string
}

/** A throw-away workspace: the named files of ours, our installed modules, and `files` as written here. */
export function makeTree(ours: readonly string[], files: Record<string, string>): Tree {
  const root = mkdtempSync(join(tmpdir(), 'kadmium-tree-'))
  for (const path of ours) cpSync(join(ROOT, path), join(root, path))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'junction')
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}
