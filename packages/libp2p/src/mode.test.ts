import type { Libp2pEvents, Logger, PeerUpdate, StreamHandler } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { TypedEventEmitter } from 'main-event'
import { describe, expect, test, vi } from 'vitest'
import { type Mode, ModeSwitch } from './mode.ts'

const log: Logger = Object.assign(() => {}, {
  enabled: false,
  trace: () => {},
  error: () => {},
  newScope: () => log,
})

const onStream: StreamHandler = () => {}

/** A registrar that takes a while, and refuses a second handler as libp2p's does. */
class Registrar {
  readonly handlers = new Map<string, unknown>()
  fails = false

  async handle(protocol: string, _: StreamHandler, options: unknown): Promise<void> {
    await Promise.resolve()
    if (this.fails) throw new Error('no')
    if (this.handlers.has(protocol)) throw new Error('already handled')
    this.handlers.set(protocol, options)
  }

  async unhandle(protocol: string): Promise<void> {
    await Promise.resolve()
    this.handlers.delete(protocol)
  }
}

class Rig {
  readonly registrar = new Registrar()
  readonly events = new TypedEventEmitter<Libp2pEvents>()
  clients = 0
  readonly mode: ModeSwitch

  constructor(clientMode?: boolean) {
    this.mode = new ModeSwitch({
      registrar: this.registrar,
      events: this.events,
      log,
      protocol: '/a',
      clientMode,
      maxInboundStreams: 3,
      maxOutboundStreams: 4,
      onStream,
      onClient: () => this.clients++,
    })
  }

  get serving(): boolean {
    return this.registrar.handlers.has('/a')
  }

  addresses(...texts: string[]): void {
    const addresses = texts.map((text) => ({ multiaddr: multiaddr(text), isCertified: true }))
    const detail = { peer: { addresses } } as unknown as PeerUpdate
    this.events.dispatchEvent(new CustomEvent('self:peer:update', { detail }))
  }
}

test.each([
  [undefined, 'client'],
  [true, 'client'],
  [false, 'server'],
] as const)('with clientMode %s it begins as a %s', async (clientMode, mode) => {
  const rig = new Rig(clientMode)
  expect(rig.mode.get()).toBe(mode)
  expect(rig.serving).toBe(false)
  await rig.mode.start()
  expect(rig.serving).toBe(mode === 'server')
  await rig.mode.stop()
  expect(rig.serving).toBe(false)
  expect(rig.mode.get()).toBe(mode)
})

test('a server has the handler with its limits, a client ends the streams of its peers', async () => {
  const rig = new Rig(true)
  await rig.mode.start()
  await rig.mode.set('server')
  expect(rig.registrar.handlers.get('/a')).toEqual({ maxInboundStreams: 3, maxOutboundStreams: 4 })
  const before = rig.clients
  await rig.mode.set('client')
  expect([rig.clients, rig.serving]).toEqual([before + 1, false])
})

describe('addresses', () => {
  const cases: [string[], Mode][] = [
    [['/ip4/8.8.8.8/tcp/1'], 'server'],
    [['/ip4/192.168.0.2/tcp/1', '/dns4/example.com/tcp/1'], 'server'],
    [['/ip4/192.168.0.2/tcp/1', '/ip4/127.0.0.1/tcp/1'], 'client'],
    [
      ['/ip4/8.8.8.8/tcp/1/p2p/12D3KooWGxaNtNRJXQCJNLyzUvCKdWyvhpV3J6iNRg9QKUHCtcRU/p2p-circuit'],
      'client',
    ],
    [[], 'client'],
  ]

  test.each(cases)('%j make a %s', async (addresses, mode) => {
    const rig = new Rig()
    await rig.mode.start()
    await rig.mode.set(mode === 'server' ? 'client' : 'server')
    rig.addresses(...addresses)
    await vi.waitFor(() => expect(rig.mode.get()).toBe(mode), 10_000)
    expect(rig.serving).toBe(mode === 'server')
  })

  test('change nothing where the mode was given', async () => {
    const rig = new Rig(true)
    await rig.mode.start()
    rig.addresses('/ip4/8.8.8.8/tcp/1')
    await rig.mode.set('client')
    expect(rig.mode.get()).toBe('client')
  })

  test('that came before the start count', async () => {
    const rig = new Rig()
    rig.addresses('/ip4/8.8.8.8/tcp/1')
    await rig.mode.start()
    expect([rig.mode.get(), rig.serving]).toEqual(['server', true])
  })
})

test('an aborted change changes nothing', async () => {
  const rig = new Rig(true)
  await rig.mode.start()
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(rig.mode.set('server', { signal })).rejects.toThrow('enough')
  expect([rig.mode.get(), rig.serving]).toEqual(['client', false])
})

test('a server whose handler is refused anew is a client', async () => {
  const rig = new Rig(false)
  await rig.mode.start()
  rig.registrar.fails = true
  await expect(rig.mode.set('server', { force: true })).rejects.toThrow('no')
  expect([rig.mode.get(), rig.serving]).toEqual(['client', false])
})

test('a refused change is told, the mode stays, and the next one works', async () => {
  const rig = new Rig(true)
  await rig.mode.start()
  rig.registrar.fails = true
  await expect(rig.mode.set('server')).rejects.toThrow('no')
  expect([rig.mode.get(), rig.serving]).toEqual(['client', false])
  rig.registrar.fails = false
  await rig.mode.set('server')
  expect([rig.mode.get(), rig.serving]).toEqual(['server', true])
})

test('whatever is asked for at once, the last word holds and is what is served', async () => {
  const act = fc.constantFrom('client', 'server', 'force', 'start', 'stop')
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
      const rig = new Rig(true)
      let mode = 'client' as Mode
      let running = false
      const changes = acts.map((name) => {
        if (name === 'start' || name === 'stop') {
          running = name === 'start'
          return rig.mode[name]()
        }
        if (name !== 'force') mode = name
        return rig.mode.set(mode, { force: name === 'force' })
      })
      await Promise.all(changes)
      expect(rig.mode.get()).toBe(mode)
      expect(rig.serving).toBe(running && mode === 'server')
    }),
    { numRuns: 1_000 },
  )
})
