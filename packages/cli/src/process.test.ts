import { copyFile, mkdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { temporaryFolder } from '../test/fixtures.ts'
import { BIN, build, killAll, listening, spawnCli } from '../test/processes.ts'
import { EXIT } from './errors.ts'

const PEER = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'
const LISTEN = ['--listen', '/ip4/127.0.0.1/tcp/0', '--json']

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let silent: Server
beforeAll(async () => {
  build()
  folder = await temporaryFolder()
  silent = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
}, 120_000)
afterEach(killAll)
afterAll(async () => {
  silent.close()
  await folder.remove()
})

describe('a node', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('stops cleanly on %s', async (signal) => {
    const node = spawnCli(['node', '--data', join(folder.path, signal), ...LISTEN])
    await listening(node)
    node.child.kill(signal)
    expect(await node.ended).toBe(EXIT.ok)
    expect(node.stdout.lines.map((line) => JSON.parse(line).event)).toEqual([
      ...['listening', 'stopping', 'stopped'],
    ])
    expect(node.stderr.text).toBe('')
  })

  test('keeps its data folder from another process', async () => {
    const args = ['node', '--data', join(folder.path, 'locked'), ...LISTEN]
    await listening(spawnCli(args))
    const second = spawnCli(args)
    expect(await second.ended).toBe(EXIT.data)
    expect(second.stderr.text).toMatch(/^kadmium: the data folder .* is locked: [^\n]+\n$/)
  })
})

describe('a command', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('ends on %s with 130', async (signal) => {
    const { port } = silent.address() as { port: number }
    const bootstrap = `/ip4/127.0.0.1/tcp/${port}/p2p/${PEER}`
    const contacted = new Promise((resolve) => silent.once('connection', resolve))
    const get = spawnCli(['get', `/pk/${PEER}`, '--bootstrap', bootstrap])
    await contacted
    get.child.kill(signal)
    expect(await get.ended).toBe(EXIT.interrupted)
    expect(get.stdout.text).toBe('')
    expect(get.stderr.text).toBe('kadmium: interrupted\n')
  })

  test('does not mind a reader that goes away', async () => {
    const help = spawnCli(['--help'])
    help.child.stdout?.destroy()
    expect(await help.ended).toBe(EXIT.ok)
    expect(help.stderr.text).toBe('')
  })
})

describe('the file that npm links', () => {
  test.each([
    ['20.19.0', EXIT.usage],
    ['22.11.0', EXIT.usage],
    ['22.12.0', EXIT.ok],
    ['26.0.0', EXIT.ok],
  ])('on Node %s ends with %i', async (version, exit) => {
    const versions = `{ value: { ...process.versions, node: '${version}' } }`
    const pretend = `Object.defineProperty(process, 'versions', ${versions})`
    const help = spawnCli(['--help'], BIN, ['--import', `data:text/javascript,${pretend}`])
    expect(await help.ended).toBe(exit)
    if (exit === EXIT.ok) return
    expect(help.stdout.text).toBe('')
    const told = `kadmium: Node 22.12 or later is needed, this is ${version}: `
    expect(help.stderr.text.startsWith(told)).toBe(true)
    expect(help.stderr.text).toMatch(/^[^\n]+\n$/)
  })

  test('tells how to build a checkout', async () => {
    const bin = join(folder.path, 'checkout', 'bin')
    await mkdir(bin, { recursive: true })
    await copyFile(BIN, join(bin, 'kadmium.mjs'))
    const unbuilt = spawnCli(['--help'], join(bin, 'kadmium.mjs'))
    expect(await unbuilt.ended).toBe(EXIT.internal)
    expect(unbuilt.stderr.text).toMatch(
      /^kadmium: Cannot find module [^\n]+ run npm run build first\n$/,
    )
  })
})
