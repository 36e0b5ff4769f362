import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressOf, kadmium, startServer, temporaryFolder } from '../test/fixtures.ts'
import { CliError, EXIT, toCliError } from './errors.ts'
import type { Session } from './session.ts'

const PK = '/pk/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN'
const CID = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
const PEER = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'

const COMMANDS = [
  ...['node', 'put', 'get', 'provide', 'find-providers', 'find-peer', 'closest', 'sim'],
]

describe('help', () => {
  test('names all commands and all exit codes', async () => {
    const { code, out, err } = await kadmium(['--help'])
    expect(code).toBe(0)
    expect(err).toBe('')
    for (const command of COMMANDS) expect(out).toContain(`\n  ${command} `)
    for (const exit of Object.values(EXIT))
      expect(out).toMatch(new RegExp(`^ {2}${exit} +\\S`, 'm'))
  })

  test.each(COMMANDS)('of %s has examples', async (command) => {
    const { code, out } = await kadmium([command, '--help'])
    expect(code).toBe(0)
    expect(out).toContain(`Usage: kadmium ${command}`)
    expect(out).toContain(`$ kadmium ${command}`)
  })

  test('is shown where no command is given, as an error', async () => {
    const { code, out, err } = await kadmium([])
    expect(code).toBe(EXIT.usage)
    expect(out).toBe('')
    expect(err).toMatch(/^Usage: kadmium/)
  })

  test('leaves the version to --version', async () => {
    const { code, out } = await kadmium(['--version'])
    expect(code).toBe(0)
    expect(out).toMatch(/^\d+\.\d+\.\d+\S*\n$/)
  })
})

describe('bad input', () => {
  test.each([
    ['frob', 'unknown command'],
    ['get', "missing required argument 'key'; see kadmium get --help"],
    [`get ${PK} extra`, 'too many arguments'],
    [
      `get ${PK} -b /ip4/127.0.0.1/tcp/1/p2p/${PEER} /ip4/127.0.0.1/tcp/2/p2p/${PEER}`,
      'repeat --bootstrap',
    ],
    [`get --netwrk any ${PK}`, 'Did you mean --network?'],
    [`get --network foo ${PK}`, 'public, local, any'],
    [`get --timeout x ${PK}`, 'number of seconds above 0'],
    [`get --timeout 0 ${PK}`, 'number of seconds above 0'],
    [`get --timeout 9999999999 ${PK}`, 'number of seconds above 0'],
    [`get --network any ${PK}`, 'name one with --bootstrap'],
    [`get --bootstrap foo ${PK}`, 'bad multiaddr'],
    [`get --protocol foo ${PK}`, 'bad protocol'],
    ['get /foo/bar', 'bad key'],
    ['get foo', 'bad key'],
    ['put', 'try kadmium put --pk'],
    [`put ${PK}`, 'give the value once'],
    [`put ${PK} a --value b`, 'give the value once'],
    [`put ${PK} /nonexistent`, 'no such file or folder'],
    [`put ${PK} /`, 'it is a folder'],
    [`put ${PK} --value-hex 123`, 'pairs of the digits'],
    [`put --pk ${PK}`, '--pk takes no key'],
    ['put --pk --value x', 'cannot be used with'],
    ['provide foo', 'bad CID'],
    [`provide ${CID} --listen foo`, 'bad multiaddr'],
    ['find-providers foo', 'bad CID'],
    [`find-providers ${CID} --count 0`, 'whole number from 1'],
    [`find-providers ${CID} --count 1.5`, 'whole number from 1'],
    [`find-peer ${CID}`, 'CID of content'],
    ['closest foo', 'bad target'],
    ['node --mode foo', 'auto, server, client'],
    ['node --listen foo', 'bad multiaddr'],
    ['node --announce /ip4/1.2.3.4/udp/1', 'TCP only'],
    ['node extra', 'too many arguments'],
  ])('%s', async (line, reason) => {
    const plain = await kadmium(line.split(' '))
    expect(plain.code).toBe(EXIT.usage)
    expect(plain.out).toBe('')
    expect(plain.err).toContain(reason)
    expect(plain.err).toMatch(/^kadmium: [^\n]+\n$/)
    const json = await kadmium([...line.split(' '), '--json'])
    expect(json.json).toMatchObject({ ok: false, exitCode: EXIT.usage, error: { code: 'usage' } })
  })

  test('of a value that is too large or empty', async () => {
    const large = await kadmium(['put', PK, '-'], {
      stdin: [new Uint8Array(65_000), 'x'.repeat(600)],
    })
    expect(large.code).toBe(EXIT.usage)
    expect(large.err).toContain('more than 65536 bytes')
    const empty = await kadmium(['put', PK, '-'])
    expect(empty.code).toBe(EXIT.usage)
    expect(empty.err).toContain('empty')
  })
})

describe('a defect', () => {
  test('has an exit code of its own and one line that says what to do', () => {
    const error = toCliError(new TypeError('x is not\n  a function'))
    expect(error).toBeInstanceOf(CliError)
    expect(EXIT[error.exit]).toBe(70)
    expect(error.message).toMatch(
      /^x is not a function; this is a defect: .*KADMIUM_DEBUG=1[^\n]*$/,
    )
  })
})

describe('a network that does not answer', () => {
  let silent: Server
  let address: string
  let server: Session
  let client: Session
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeAll(async () => {
    folder = await temporaryFolder()
    server = await startServer()
    client = await startServer()
    await client.dht.setMode('client')
    silent = createServer(() => {}).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    address = `/ip4/127.0.0.1/tcp/${port}/p2p/${PEER}`
  })
  afterAll(async () => {
    silent.close()
    await Promise.all([server.stop(), client.stop()])
    await folder.remove()
  })

  test('at all', async () => {
    const nobody = `/ip4/127.0.0.1/tcp/1/p2p/${PEER}`
    const { code, err, json } = await kadmium(['get', PK, '--json', '--bootstrap', nobody])
    expect(code).toBe(EXIT.noPeers)
    expect(err).toContain('nobody listens there')
    expect(json).toMatchObject({
      command: 'get',
      ok: false,
      exitCode: 3,
      error: { code: 'noPeers' },
    })
  })

  test('in time', async () => {
    const args = ['get', PK, '--bootstrap', address, '--timeout', '0.2', '--json']
    const { code, err, json } = await kadmium(args)
    expect(code).toBe(EXIT.timeout)
    expect(err).toBe('kadmium: no result in time: give more with --timeout SECONDS\n')
    expect(json).toMatchObject({ ok: false, exitCode: 4, error: { code: 'timeout' } })
  })

  test('until the user has enough', async () => {
    const user = new AbortController()
    const running = kadmium(['get', PK, '--bootstrap', address], { interrupt: user.signal })
    user.abort(new CliError('interrupted', 'interrupted'))
    const { code, err } = await running
    expect(code).toBe(EXIT.interrupted)
    expect(err).toBe('kadmium: interrupted\n')
  })

  test('under the peer id that was given', async () => {
    const wrong = addressOf(server).replace(/p2p\/.*/, `p2p/${PEER}`)
    const { code, err } = await kadmium(['get', PK, '--bootstrap', wrong])
    expect(code).toBe(EXIT.noPeers)
    expect(err).toContain('another peer answers there')
  })

  test('to this protocol', async () => {
    const { code, err } = await kadmium([
      ...['get', PK, '--bootstrap', addressOf(server), '--network', 'local'],
    ])
    expect(code).toBe(EXIT.noPeers)
    expect(err).toContain('speaks /ipfs/kad/1.0.0 and not /ipfs/lan/kad/1.0.0: try --network any')
  })

  test('since it is a client', async () => {
    const door = addressOf(client)
    const { code, err } = await kadmium(['get', PK, '--bootstrap', door])
    expect(code).toBe(EXIT.noPeers)
    expect(err).toBe(
      `kadmium: ${door}: does not speak /ipfs/kad/1.0.0: if it is a client, start it with --mode server\n`,
    )
  })

  test('where one of two does, is entered by the other', async () => {
    const both = ['--bootstrap', `${address},${addressOf(server)}`]
    const { code, out } = await kadmium(['closest', PK, ...both])
    expect(code).toBe(0)
    expect(out).toContain(server.node.peerId.toString())
  })

  test('while the data folder can’t be used, tells of the folder', async () => {
    const file = join(folder.path, 'file')
    await writeFile(file, '')
    for (const command of [['get', PK, '--bootstrap', address], ['node']]) {
      const { code, err } = await kadmium([...command, '--data', file])
      expect(code).toBe(EXIT.data)
      expect(err).toMatch(/^kadmium: can’t use the data folder .*: there is a file of that name/)
    }
  })

  test('while the default data folder can’t be used, tells of it', async () => {
    const home = join(folder.path, 'home')
    await mkdir(home)
    await writeFile(join(home, '.kadmium'), '')
    const { code, err } = await kadmium(['node'], { home })
    expect(code).toBe(EXIT.data)
    expect(err).toContain(join(home, '.kadmium'))
  })

  test('while the port is in use, tells of the port', async () => {
    const { port } = silent.address() as { port: number }
    const listen = ['--listen', `/ip4/127.0.0.1/tcp/${port}`]
    const node = await kadmium(['node', '--data', join(folder.path, 'n'), ...listen])
    expect(node.code).toBe(EXIT.listen)
    expect(node.err).toContain(`the port of /ip4/127.0.0.1/tcp/${port} is in use`)
  })

  test.each([
    ['/ip4/192.0.2.77/tcp/4001', 'this machine has no address /ip4/192.0.2.77/tcp/4001: listen on'],
    ['/ip4/192.0.2.77/tcp/0', 'this machine has no address /ip4/192.0.2.77/tcp/0: listen on'],
    ['/ip6/2001:db8::1/tcp/0', '/ip6/2001:db8::1/tcp/0'],
  ])('on %s says which address, and why not', async (foreign, text) => {
    for (const args of [['provide', CID, '--bootstrap', address], ['node']]) {
      const data = ['--data', join(folder.path, 'foreign')]
      const { code, err } = await kadmium([...args, ...data, '--listen', foreign])
      expect([code, err]).toEqual([EXIT.listen, expect.stringContaining(text)])
    }
  })
})
