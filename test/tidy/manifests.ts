/** Manifests that agree with one another and with the imports. */
import ts from 'typescript'
import { isTest, type SourceFile } from './files.ts'

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly license?: string
  readonly type?: string
  readonly scripts?: Record<string, string>
  readonly dependencies?: Record<string, string>
  readonly devDependencies?: Record<string, string>
}

const LICENSE = 'Apache-2.0 OR MIT'

/** What is wrong with the manifests of the workspace's packages. */
export function disagreements(manifests: readonly Manifest[]): string[] {
  const found: string[] = []
  const versions = new Map(manifests.map(({ name, version }) => [name, version]))
  for (const { name, license, type, ...manifest } of manifests) {
    if (license !== LICENSE) found.push(`${name}: the license is ${LICENSE}, not ${license}`)
    if (type !== 'module') found.push(`${name}: all packages are ES modules`)
    if (manifest.version !== manifests[0]?.version)
      found.push(`${name}: all packages have one version, not ${manifest.version}`)
    const wanted = { ...manifest.dependencies, ...manifest.devDependencies }
    for (const [other, range] of Object.entries(wanted))
      if (versions.has(other) && versions.get(other) !== range)
        // A range that the sibling does not meet would be fetched from the registry instead.
        found.push(`${name}: wants ${other} ${range}, which is ${versions.get(other)} here`)
  }
  return found
}

/** Packages of the workspace that a file imports and its own manifest does not name. */
export function undeclared(file: SourceFile, manifest: Manifest): string[] {
  const declared = new Set([manifest.name, ...Object.keys(manifest.dependencies ?? {})])
  const development = Object.keys(manifest.devDependencies ?? {})
  if (isTest(file.path)) for (const name of development) declared.add(name)
  return ts
    .preProcessFile(file.text)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('@kadmium/') && !declared.has(name))
    .map((name) => `${file.path}: ${name} is missing in the dependencies of ${manifest.name}`)
}

interface Lock {
  readonly packages: Readonly<Record<string, { optionalDependencies?: Record<string, string> }>>
}

/**
 * Optional packages (builds for other platforms) that the lock file leaves out. npm leaves them out in
 * silence when the registry it asks has none of that version, and `npm ci` then refuses the lock file.
 */
export function missingInLock(lock: Lock): string[] {
  return Object.entries(lock.packages).flatMap(([owner, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !isLocked(lock, owner, name))
      .map((name) => `${owner || 'the workspace'}: ${name} is not in package-lock.json`),
  )
}

/** Whether a package, seen from another, is in the lock file: beside it or in any folder above. */
function isLocked(lock: Lock, owner: string, name: string): boolean {
  for (let folder = owner; ; ) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in lock.packages) return true
    if (folder === '') return false
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))
  }
}
