/** Packs what is published and installs the tarballs in an empty folder, once for all files of `npm run pack:test`. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { ROOT } from '../fixture.ts'
import { run } from './run.ts'

/** The folders of the packages that are published. */
export const PUBLISHED = ['core', 'libp2p', 'sim', 'cli'] as const

export type Published = (typeof PUBLISHED)[number]

declare module 'vitest' {
  interface ProvidedContext {
    /** The tarball of each package. */
    tarballs: Record<Published, string>
    /** Where they are installed: a folder that had nothing but a `package.json`. */
    installed: string
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'kadmium-pack-')))
  const remove = (): void => rmSync(root, { recursive: true, force: true })
  try {
    const tarballs = {} as Record<Published, string>
    for (const name of PUBLISHED) {
      const args = ['pack', '--json', '--pack-destination', root]
      const { stdout } = await run('npm', args, { cwd: join(ROOT, 'packages', name) })
      const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
      tarballs[name] = join(root, filename)
    }
    const installed = join(root, 'installed')
    mkdirSync(installed)
    writeFileSync(join(installed, 'package.json'), '{ "private": true, "type": "module" }\n')
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund']
    await run('npm', ['install', ...quiet, ...Object.values(tarballs)], { cwd: installed })
    project.provide('tarballs', tarballs)
    project.provide('installed', installed)
    return remove
  } catch (error) {
    remove()
    throw error
  }
}
