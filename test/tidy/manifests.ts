/** Manifests that agree with one another. */

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly license?: string
  readonly type?: string
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
