import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../test/fixtures.ts'
import { openDataFolder } from './data-folder.ts'
import { toCliError } from './errors.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder.remove())

/** The exit and the text of the failure to open a folder. */
async function failure(path: string): Promise<string> {
  const error = toCliError(
    await openDataFolder(path).then(
      () => null,
      (thrown) => thrown,
    ),
  )
  return `${error.exit}: ${error.message}`
}

describe('the data folder', () => {
  test('is made with its parents, and keeps the identity in a file that others can’t read', async () => {
    const path = join(folder.path, 'a', 'b')
    const first = await openDataFolder(path)
    await first.close()
    const second = await openDataFolder(path)
    await second.close()
    expect(second.privateKey.equals(first.privateKey)).toBe(true)
    expect((await stat(join(path, 'identity.key'))).mode & 0o777).toBe(0o600)
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  test('gives each folder its own identity', async () => {
    const a = await openDataFolder(join(folder.path, 'a'))
    const b = await openDataFolder(join(folder.path, 'b'))
    await Promise.all([a.close(), b.close()])
    expect(a.privateKey.equals(b.privateKey)).toBe(false)
  })

  test('is locked while it is open', async () => {
    const held = await openDataFolder(folder.path)
    expect(await failure(folder.path)).toMatch(/^data: .* is locked: another node uses it/)
    await held.close()
    await (await openDataFolder(folder.path)).close()
  })

  test('with a damaged identity is not used, and its lock is let go', async () => {
    await (await openDataFolder(folder.path)).close()
    const path = join(folder.path, 'identity.key')
    const text = await readFile(path, 'utf8')
    for (const damaged of ['', 'zz', text.slice(0, 40)]) {
      await writeFile(path, damaged)
      expect(await failure(folder.path)).toMatch(/^data: .*identity.key is not a private key/)
    }
    await writeFile(path, text)
    await (await openDataFolder(folder.path)).close()
  })

  test('that is a file, or lies in one, is a clear error', async () => {
    const file = join(folder.path, 'file')
    await writeFile(file, '')
    expect(await failure(file)).toMatch(/^data: .*there is a file of that name/)
    expect(await failure(join(file, 'x'))).toMatch(/^data: .*a part of the path is no folder/)
  })

  test('with a damaged database is a clear error', async () => {
    await (await openDataFolder(folder.path)).close()
    await writeFile(join(folder.path, 'store', 'CURRENT'), 'nonsense')
    expect(await failure(folder.path)).toMatch(/^data: .*is damaged: move .*store away/)
    await writeFile(join(folder.path, 'store', 'CURRENT'), 'MANIFEST-000999\n')
    expect(await failure(folder.path)).toMatch(/^data: .*MANIFEST-000999/)
  })
})
