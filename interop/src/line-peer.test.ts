import { CID } from 'multiformats/cid'
import { afterEach, describe, expect, test } from 'vitest'
import { startLinePeer } from './line-peer.ts'
import type { InteropPeer, PeerInit } from './peer.ts'

const INIT: PeerInit = { transport: 'tcp', mode: 'server', protocol: '/a/kad/1.0.0', k: 3 }
const CONTENT = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
const GREETING = { ready: true, peer: 'p', addresses: ['/a/p2p/p'], implementation: 'fake v1' }

/** A peer in a few lines of JavaScript: `answer(asked)` is what it does with a command. */
const program = (answer: string, greeting: string = JSON.stringify(GREETING)): string => `
  const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n')
  const answer = (asked) => { ${answer} }
  process.stdout.write(${JSON.stringify(`${greeting}\n`)})
  let text = ''
  process.stdin.on('data', (part) => {
    const lines = (text + part).split('\\n')
    text = lines.pop()
    for (const line of lines) answer(JSON.parse(line))
  })`

const running: InteropPeer[] = []

async function start(code: string): Promise<InteropPeer & { implementation: string }> {
  // What follows `--` are the flags of the peer.
  const peer = await startLinePeer(process.execPath, INIT, ['-e', code, '--'])
  running.push(peer)
  return peer
}

afterEach(async () => {
  for (const peer of running.splice(0)) await peer.stop()
})

describe('a peer in another process', () => {
  test('tells who it is and is told what to be', async () => {
    const peer = await start(
      program('say({ id: asked.id, ok: true, peers: process.argv.slice(1) })'),
    )
    expect(peer).toMatchObject({ peer: 'p', addresses: ['/a/p2p/p'], implementation: 'fake v1' })
    expect((await peer.table())?.join(' ')).toBe(
      '--listen /ip4/127.0.0.1/tcp/0 --mode server --protocol /a/kad/1.0.0 --k 3',
    )
  })

  test('is sent keys and values in hexadecimal and content by its CID', async () => {
    const echo = 'say({ id: asked.id, ok: true, value: asked.key, peers: [JSON.stringify(asked)] })'
    const peer = await start(program(echo))
    expect(await peer.get(Uint8Array.of(0, 255))).toEqual(Uint8Array.of(0, 255))
    expect(JSON.parse((await peer.storedProviders(CONTENT))[0] as string)).toEqual({
      id: 2,
      command: 'storedProviders',
      timeoutMs: 20_000,
      cid: CONTENT.toString(),
    })
  })

  test('may answer in any order', async () => {
    const late = `
      globalThis.held ??= []
      held.push(asked)
      if (held.length === 2) for (const { id, peer } of held.reverse())
        say({ id, ok: true, addresses: [peer] })`
    const peer = await start(program(late))
    const found = await Promise.all([peer.findPeer('a'), peer.findPeer('b')])
    expect(found).toEqual([['a'], ['b']])
  })

  test('says why it could not do something', async () => {
    const peer = await start(program("say({ id: asked.id, ok: false, error: 'not found' })"))
    await expect(peer.get(Uint8Array.of(1))).rejects.toThrow('get: not found')
    await expect(peer.provide(CONTENT)).rejects.toThrow('provide: not found')
  })

  test('that ends fails what is in flight and what comes, with what it said', async () => {
    const peer = await start(program("console.error('out of luck'); process.exit(3)"))
    await expect(peer.tableSize()).rejects.toThrow('ended with 3: out of luck')
    await expect(peer.tableSize()).rejects.toThrow('ended with 3')
  })

  test('that writes what is no answer is not believed', async () => {
    const babbles = await start(program("process.stdout.write('hello\\n')"))
    await expect(babbles.tableSize()).rejects.toThrow('no JSON: hello')
    const mistaken = await start(program('say({ id: asked.id, ok: true, peers: [7] })'))
    await expect(mistaken.table()).rejects.toThrow('a text was expected, not 7')
  })

  test('that writes without an end is stopped', async () => {
    const peer = await start(program("process.stdout.write('a'.repeat(300_000))"))
    await expect(peer.tableSize()).rejects.toThrow('too long')
  })

  test('that does not begin is no peer', async () => {
    await expect(start(program('', 'Usage: …'))).rejects.toThrow('no JSON: Usage')
    await expect(startLinePeer('no-such-program', INIT)).rejects.toThrow('ENOENT')
  })
})
