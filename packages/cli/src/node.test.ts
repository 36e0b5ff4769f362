import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { kadmium, lineOf, start, temporaryFolder } from '../test/fixtures.ts'
import { EXIT } from './errors.ts'

const PEER = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'
const LISTEN = ['--listen', '/ip4/127.0.0.1/tcp/0']

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder.remove())

/** Nodes that run, ended after each test. Bounded by one test. */
let running: ReturnType<typeof start>[] = []
afterEach(async () => {
  for (const node of running) node.interrupt()
  await Promise.all(running.map((node) => node.ended))
  running = []
})

/** A node with a data folder of the name given. */
function startNode(name: string, ...args: string[]): ReturnType<typeof start> {
  const node = start(['node', '--data', join(folder.path, name), ...args])
  running.push(node)
  return node
}

async function listening(node: ReturnType<typeof start>): Promise<Record<string, string>> {
  return JSON.parse(await lineOf(node, /"listening"/))
}

describe('a node', () => {
  test('tells people who and where it is, and stops when asked', async () => {
    const node = startNode('people', ...LISTEN)
    await lineOf(node, /^address /)
    const [id, network, mode, data, address] = node.stdout.lines
    expect(id).toMatch(/^peer id {3}12D3KooW\w+$/)
    expect(network).toBe('network   any, /ipfs/kad/1.0.0')
    expect(mode).toBe('mode      server')
    expect(data).toBe(`data      ${join(folder.path, 'people')}`)
    expect(address).toMatch(/^address {3}\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW\w+$/)
    node.interrupt()
    expect(await node.ended).toBe(EXIT.ok)
    expect(node.stdout.lines.slice(-2)).toEqual(['stopping', 'stopped'])
    expect(node.stderr.text).toBe('')
  })

  test('tells programs the same, one object a line, and is the same peer again', async () => {
    const ids: string[] = []
    for (let run = 0; run < 2; run++) {
      const node = startNode('programs', ...LISTEN, '--json')
      const { peerId, addresses } = await listening(node)
      expect(addresses?.[0]).toMatch(new RegExp(`^/ip4/127.0.0.1/tcp/\\d+/p2p/${peerId}$`))
      ids.push(peerId as string)
      node.interrupt()
      expect(await node.ended).toBe(EXIT.ok)
      const events = node.stdout.lines.map((line) => JSON.parse(line))
      expect(events.map((each) => each.event)).toEqual(['listening', 'stopping', 'stopped'])
    }
    expect(ids[0]).toBe(ids[1])
  })

  test('enters by another one, and serves those who enter by it', async () => {
    const first = startNode('first', ...LISTEN, '--json')
    const addresses = (await listening(first)).addresses
    const second = startNode('second', ...LISTEN, '--json', '--bootstrap', String(addresses?.[0]))
    const joined = JSON.parse(await lineOf(second, /"bootstrap"/))
    expect(joined).toEqual({ event: 'bootstrap', reached: 1, of: 1 })
    const door = String((await listening(second)).addresses?.[0])
    const put = await kadmium(['put', '--pk', '--json', '--bootstrap', door])
    expect(put.json).toMatchObject({ ok: true, stored: 2 })
  })

  test('goes on where no bootstrap peer answers, and tells when it tries again', async () => {
    const nobody = `/ip4/127.0.0.1/tcp/1/p2p/${PEER}`
    const node = startNode('alone', ...LISTEN, '--bootstrap', nobody)
    const line = await lineOf(node, /^bootstrap/)
    expect(line).toBe(`bootstrap none of 1 peer (${nobody}: nobody listens there); again in 5 s`)
    node.interrupt()
    expect(await node.ended).toBe(EXIT.ok)
  })

  test('does not contact itself', async () => {
    const node = startNode('self', ...LISTEN, '--json')
    const { addresses } = await listening(node)
    node.interrupt()
    await node.ended
    const again = startNode('self', ...LISTEN, '--json', '--bootstrap', String(addresses?.[0]))
    await listening(again)
    again.interrupt()
    expect(await again.ended).toBe(EXIT.ok)
    expect(again.stdout.text).not.toContain('"bootstrap"')
  })

  test('alone has its data folder', async () => {
    const node = startNode('locked', ...LISTEN, '--json')
    await listening(node)
    const path = join(folder.path, 'locked')
    const second = await kadmium(['node', '--data', path, ...LISTEN, '--json'])
    expect(second.code).toBe(EXIT.data)
    expect(second.err).toMatch(/is locked: another node uses it/)
    expect(second.json).toMatchObject({ ok: false, exitCode: EXIT.data })
  })

  test('that can’t listen lets its data folder go', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const args = ['node', '--data', join(folder.path, 'port')]
    const refused = await kadmium([...args, '--listen', `/ip4/127.0.0.1/tcp/${port}`])
    server.close()
    expect(refused.code).toBe(EXIT.listen)
    const node = startNode('port', ...LISTEN, '--json')
    expect((await listening(node)).event).toBe('listening')
  })
})

describe('the mode', () => {
  const open = ['--network', 'public', '--bootstrap', `/ip4/127.0.0.1/tcp/1/p2p/${PEER}`]

  test.each([
    ['auto is a server on a network of private addresses', [], 'server'],
    ['auto is a client on the public network at first', open, 'client'],
    ['server is a server anywhere', [...open, '--mode', 'server'], 'server'],
    ['client is a client anywhere', ['--mode', 'client'], 'client'],
  ])('%s', async (name, args, mode) => {
    const node = startNode(name.replaceAll(' ', '-'), ...LISTEN, '--json', ...args)
    expect((await listening(node)).mode).toBe(mode)
  })

  test('auto becomes a server on the public network with a public address', async () => {
    const node = startNode('public', ...LISTEN, ...open, '--announce', '/ip4/8.8.8.8/tcp/4001')
    expect(await lineOf(node, /^mode +server/)).toBe('mode      server')
    expect(node.stdout.text).toContain('address   /ip4/8.8.8.8/tcp/4001/p2p/12D3KooW')
  })
})
