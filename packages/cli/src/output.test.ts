import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, test } from 'vitest'
import { testIo } from '../test/fixtures.ts'
import { CliError } from './errors.ts'
import { fullAddresses, Output, peerLine } from './output.ts'

const BINARY = new Uint8Array([8, 1, 18, 32, 255, 0])
const ID = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'

describe('a value', () => {
  test('goes into a pipe byte for byte', async () => {
    const io = testIo()
    await new Output(io, false).value(BINARY)
    expect(new Uint8Array(io.stdout.bytes)).toEqual(BINARY)
    expect(io.stderr.text).toBe('')
  })

  test('of bytes is shown on a terminal in hexadecimal, with a remark', async () => {
    const io = testIo({ isTTY: true })
    await new Output(io, false).value(BINARY)
    expect(io.stdout.text).toBe('08011220ff00\n')
    expect(io.stderr.text).toContain('--out FILE')
  })

  test('of text is shown on a terminal as it is, unless it could steer the terminal', async () => {
    const io = testIo({ isTTY: true })
    await new Output(io, false).value(Buffer.from('zwei Zeilen\nund äöü'))
    expect(io.stdout.text).toBe('zwei Zeilen\nund äöü\n')
    await new Output(io, false).value(Buffer.from('\x1b[2J'))
    expect(io.stdout.lines.at(-1)).toBe('1b5b324a')
  })
})

describe('a failure', () => {
  const error = new CliError('noPeers', 'nobody there', { cause: new Error('inner') })

  test('is one line on stderr, and with --json one object on stdout', async () => {
    const io = testIo()
    await new Output(io, true).failure('get', error)
    expect(io.stderr.text).toBe('kadmium: nobody there\n')
    expect(JSON.parse(io.stdout.text)).toEqual({
      command: 'get',
      ok: false,
      exitCode: 3,
      error: { code: 'noPeers', message: 'nobody there' },
    })
  })

  test('has its stack, with the causes, only with KADMIUM_DEBUG=1', async () => {
    const io = testIo({ env: { KADMIUM_DEBUG: '1' } })
    await new Output(io, false).failure('get', error)
    expect(io.stdout.text).toBe('')
    expect(io.stderr.text).toMatch(/nobody there\n.*\n\s+at [\s\S]*caused by Error: inner\n\s+at /)
  })
})

describe('a peer', () => {
  const id = peerIdFromString(ID)

  test('has each address once, with its id at the end', () => {
    const multiaddrs = ['/ip4/1.2.3.4/tcp/1', `/ip4/1.2.3.4/tcp/1/p2p/${ID}`].map((a) =>
      multiaddr(a),
    )
    expect(fullAddresses({ id, multiaddrs })).toEqual([`/ip4/1.2.3.4/tcp/1/p2p/${ID}`])
    expect(peerLine({ id, multiaddrs })).toBe(`${ID} /ip4/1.2.3.4/tcp/1/p2p/${ID}`)
    expect(peerLine({ id, multiaddrs: [] })).toBe(ID)
  })
})
