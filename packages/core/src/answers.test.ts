import { key8, tinyBook } from '@kadmium/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareDistance } from './key.ts'
import { Message, type MessageType } from './messages.ts'
import { Nodes } from './node.ts'
import { Outbox } from './outbox.ts'
import type { PeerRef } from './peers.ts'

const NOW_MS = 1_000_000

/** A node with the first of some 8-bit keys, which has all the others in its table. */
class Asked {
  readonly nodes: Nodes
  readonly refs: PeerRef[]
  readonly outbox = new Outbox()
  private readonly bytes: readonly number[]

  constructor(bytes: readonly number[], members: readonly number[] = bytes.slice(1)) {
    const { book, refs } = tinyBook(bytes)
    this.refs = refs
    this.bytes = bytes
    const selves = [refs[0] as PeerRef]
    this.nodes = new Nodes({ book, selves, seed: 1, config: { k: 4, candidatesMax: 16 } })
    for (const byte of members) this.nodes.routing.place(0, this.ref(byte), NOW_MS, 50, 0)
  }

  ref(byte: number): PeerRef {
    return this.refs[this.bytes.indexOf(byte)] as PeerRef
  }

  /** A peer asks; what it is told by its keys, or null where it gets no answer. */
  ask(from: number, type: MessageType, byte: number, fill?: (m: Message) => void): Told | null {
    const message = new Message().clear(type)
    message.key.set(key8(byte))
    message.keyBytes = Uint8Array.of(byte)
    fill?.(message)
    const { outbox } = this
    outbox.clear()
    this.nodes.handle(
      0,
      NOW_MS,
      { kind: 'requestArrived', exchange: 9, from: this.ref(from), message },
      outbox,
    )
    const answers = [...outbox].filter(({ kind }) => kind === 'respond')
    const [answer] = answers
    if (answer?.kind !== 'respond') return null
    expect([answers.length, answer.exchange, answer.message.type]).toEqual([1, 9, type])
    const { closer, closerCount, providers, providerCount, record } = answer.message
    const byteOf = (ref: PeerRef): number => this.bytes[this.refs.indexOf(ref)] as number
    return {
      closer: Array.from(closer.subarray(0, closerCount), byteOf),
      providers: Array.from(providers.subarray(0, providerCount), byteOf),
      record,
    }
  }
}

interface Told {
  closer: number[]
  providers: number[]
  record: Uint8Array | null
}

const KEYS = [0x00, 0x01, 0x02, 0x04, 0x80, 0x81, 0xc0, 0xff]

describe('an answer', () => {
  it('names the k nearest members, nearest first, without the asker', () => {
    const asked = new Asked(KEYS)
    expect(asked.ask(0xff, 'findNode', 0x83)?.closer).toEqual([0x81, 0x80, 0xc0, 0x02])
    expect(asked.ask(0x81, 'findNode', 0x83)?.closer).toEqual([0x80, 0xc0, 0xff, 0x02])
    expect(asked.ask(0xff, 'getValue', 0x03)?.closer).toEqual([0x02, 0x01, 0x04, 0x81])
    expect(asked.ask(0xff, 'ping', 0x03)?.closer).toEqual([])
  })

  it('is the same when it is asked for again with the same outbox', () => {
    const asked = new Asked(KEYS)
    const first = asked.ask(0xff, 'getProviders', 0x83)
    for (let i = 0; i < 3; i++) expect(asked.ask(0xff, 'getProviders', 0x83)).toEqual(first)
  })

  it('names the node itself to those who ask for its very key, and first of all', () => {
    const asked = new Asked(KEYS)
    expect(asked.ask(0xff, 'findNode', 0x00)?.closer).toEqual([0x00, 0x01, 0x02, 0x04])
    expect(asked.ask(0xff, 'getValue', 0x00)?.closer).toEqual([0x01, 0x02, 0x04, 0x80])
  })

  it('names one who is not in the table only to those who ask for its very key', () => {
    const asked = new Asked(KEYS, [0x01, 0x02, 0x04, 0x80])
    const { nodes, outbox } = asked
    const peer = asked.ref(0xc0) // it dialled us, and that is all
    nodes.handle(
      0,
      NOW_MS,
      { kind: 'linkChanged', peer, link: 'connected', dialled: false, ipGroup: 0 },
      outbox,
    )
    nodes.handle(0, NOW_MS, { kind: 'protocolChanged', peer, speaks: true }, outbox)
    expect(asked.ask(0x81, 'findNode', 0xc0)?.closer).toEqual([0xc0, 0x80, 0x01, 0x02])
    expect(asked.ask(0x81, 'findNode', 0xc1)?.closer).toEqual([0x80, 0x01, 0x02, 0x04])
    expect(asked.ask(0x81, 'getValue', 0xc0)?.closer).toEqual([0x80, 0x01, 0x02, 0x04])
    expect(asked.ask(0xc0, 'findNode', 0xc0)?.closer).toEqual([0x80, 0x01, 0x02, 0x04])
    // Nobody to be named twice.
    expect(asked.ask(0x81, 'findNode', 0x80)?.closer).toEqual([0x80, 0x01, 0x02, 0x04])
  })

  it('names nobody who is benched', () => {
    const asked = new Asked(KEYS)
    for (let i = 0; i < 3; i++) asked.nodes.routing.noteFailure(0, asked.ref(0x81), NOW_MS, false)
    expect(asked.nodes.routing.state(0, asked.ref(0x81), NOW_MS)).toBe('benched')
    expect(asked.ask(0xff, 'findNode', 0x83)?.closer).toEqual([0x80, 0xc0, 0x02, 0x01])
  })

  it('has the record and the providers that the node holds', () => {
    const asked = new Asked(KEYS)
    const record = Uint8Array.of(5)
    const expiresAtMs = NOW_MS + 1000
    const keyBytes = Uint8Array.of(0x83)
    const key = key8(0x83)
    asked.nodes.handle(
      0,
      NOW_MS,
      { kind: 'recordLoaded', key, keyBytes, record, expiresAtMs },
      asked.outbox,
    )
    for (const provider of [0xc0, 0xff])
      asked.ask(provider, 'addProvider', 0x83, (m) => m.addProvider(asked.ref(provider)))
    expect(asked.ask(0xff, 'getValue', 0x83)?.record).toEqual(record)
    expect(asked.ask(0xff, 'findNode', 0x83)?.record).toBeNull()
    expect(asked.ask(0x01, 'getProviders', 0x83)?.providers.toSorted()).toEqual([0xc0, 0xff])
    expect(asked.ask(0xff, 'getProviders', 0x83)?.providers).toEqual([0xc0])
    expect(asked.ask(0x01, 'getProviders', 0x82)?.providers).toEqual([])
  })

  it('takes an announcement of the announcer only', () => {
    const asked = new Asked(KEYS)
    expect(asked.ask(0xc0, 'addProvider', 0x83, (m) => m.addProvider(asked.ref(0xff)))).toBeNull()
    expect([...asked.outbox].map(({ kind }) => kind)).toEqual(['accept'])
    expect(asked.ask(0x01, 'getProviders', 0x83)?.providers).toEqual([])
    asked.ask(0xc0, 'addProvider', 0x83, (m) => {
      m.addProvider(asked.ref(0xff))
      m.addProvider(asked.ref(0xc0))
    })
    expect(asked.ask(0x01, 'getProviders', 0x83)?.providers).toEqual([0xc0])
  })

  it('is what sorting all members by distance gives, for any table and key', () => {
    const bytes = fc.uniqueArray(fc.nat(255), { minLength: 2, maxLength: 24 })
    fc.assert(
      fc.property(bytes, fc.nat(255), fc.nat(23), (keys, target, who) => {
        const asked = new Asked(keys)
        const from = keys[1 + (who % (keys.length - 1))] as number
        const told = asked.ask(from, 'findNode', target)
        const order = (a: number, b: number): number =>
          compareDistance(key8(target), 0, key8(a), 0, key8(b), 0)
        const [self, ...others] = keys as [number, ...number[]]
        const members = others.filter((byte) => byte !== from)
        const subjects = [self, ...members].filter((byte) => byte === target)
        const nearest = members.filter((byte) => byte !== target).sort(order)
        expect(told?.closer).toEqual([...subjects, ...nearest].slice(0, 4))
      }),
      { numRuns: 1000 },
    )
  })
})
