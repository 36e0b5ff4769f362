/**
 * The column: a row alone is as in a column of many. And examples of what the properties of `puts.test.ts` and
 * `providers.test.ts` leave open: what exactly is said to whom.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Config, DEFAULT_CONFIG } from '../config.ts'
import { KEY_WORDS, type Key } from '../key.ts'
import { Message, type Output, type Verdict } from '../messages.ts'
import { Outbox } from '../outbox.ts'
import { PeerBook, type PeerRef } from '../peers.ts'
import { type Completion, Records } from './records.ts'

const HOUR_MS = 3_600_000
const OK = Uint8Array.of(1)

/** A node of which each step is a list of what it asked for, as short texts. */
class Node {
  readonly records: Records
  readonly outbox = new Outbox()
  readonly peers: PeerRef[]
  nowMs = 0
  readonly node: number

  constructor(config: Partial<Config> = {}, records?: Records, node = 0, book = new PeerBook()) {
    this.records =
      records ?? new Records({ nodes: 1, book, config: { ...DEFAULT_CONFIG, ...config } })
    this.peers = Array.from({ length: records ? 0 : 4 }, (_, peer) => book.add(keyOf(100 + peer)))
    this.node = node
  }

  put(key: number, record: Uint8Array, exchange: number, keyBytes = bytesOf(key)): string[] {
    const message = new Message().clear('putValue')
    message.key.set(keyOf(key))
    message.keyBytes = keyBytes
    message.record = record
    return this.step((outbox) => {
      this.records.putArrived(this.node, this.nowMs, exchange, message, outbox)
      return null
    })
  }

  own(key: number, record: Uint8Array, operation: number): string[] {
    const [words, bytes] = [keyOf(key), bytesOf(key)]
    return this.step((outbox) =>
      this.records.putLocal(this.node, this.nowMs, operation, words, bytes, record, outbox),
    )
  }

  judge(record: Uint8Array, operation: number): number {
    this.outbox.clear()
    return this.records.judge(this.node, operation, OK, record, null, this.outbox)
  }

  verdict(job: number, verdict: Verdict): string[] {
    return this.step((outbox) =>
      this.records.validated(this.node, this.nowMs, job, verdict, outbox),
    )
  }

  written(job: number, ok = true): string[] {
    return this.step((outbox) => this.records.persisted(this.node, this.nowMs, job, ok, outbox))
  }

  announce(key: number, peer: PeerRef, own = false): string[] {
    const [words, bytes] = [keyOf(key), bytesOf(key)]
    return this.step((outbox) => {
      this.records.providerArrived(this.node, this.nowMs, words, bytes, peer, own, outbox)
      return null
    })
  }

  load(key: number, record: Uint8Array, expiresAtMs: number): string[] {
    const [words, bytes] = [keyOf(key), bytesOf(key)]
    return this.step((outbox) => {
      this.records.recordLoaded(this.node, this.nowMs, words, bytes, record, expiresAtMs, outbox)
      return null
    })
  }

  expire(): string[] {
    return this.step((outbox) => {
      this.records.expire(this.node, this.nowMs, outbox)
      return null
    })
  }

  get(key: number): Uint8Array | null {
    return this.records.get(this.node, this.nowMs, keyOf(key), 0)
  }

  step(act: (outbox: Outbox) => Completion | null): string[] {
    this.outbox.clear()
    const completion = act(this.outbox)
    const said = [...this.outbox].map(textOf)
    return completion === null ? said : [...said, textOfEnd(completion)]
  }
}

function textOf(output: Output): string {
  if (output.kind === 'validate')
    return `validate ${output.job}: ${output.record} against ${output.against ?? 'nothing'}`
  if (output.kind === 'persistRecord')
    return `write ${output.job}: ${output.keyBytes}=${output.record ?? 'nothing'} until ${output.expiresAtMs / HOUR_MS} h`
  if (output.kind === 'persistProvider')
    return `provider ${output.provider} of ${output.keyBytes} until ${output.expiresAtMs}`
  if (output.kind === 'respond')
    return `respond ${output.exchange}: ${output.message.type} ${output.message.keyBytes}=${output.message.record}`
  return `${output.kind} ${'exchange' in output ? output.exchange : ''}`
}

function textOfEnd(completion: Completion): string {
  const { kind, operation } = completion
  return kind === 'judged'
    ? `judged ${operation} ${completion.job}: ${completion.verdict}`
    : `stored ${operation} ${completion.ok}: ${completion.reason}`
}

function keyOf(key: number): Key {
  const words = new Uint32Array(KEY_WORDS)
  words[0] = key << 24
  return words
}

function bytesOf(key: number): Uint8Array {
  return Uint8Array.of(key)
}

describe('a put', () => {
  test('is judged, written, and only then acknowledged and visible', () => {
    const node = new Node()
    expect(node.put(7, OK, 5)).toEqual(['validate 1: 1 against nothing'])
    expect(node.verdict(1, 'better')).toEqual(['write 2: 7=1 until 48 h'])
    expect(node.get(7)).toBe(null)
    expect(node.written(2)).toEqual(['respond 5: putValue 7=1'])
    expect(node.get(7)).toEqual(OK)
    node.nowMs = 48 * HOUR_MS
    expect(node.get(7)).toBe(null)
    expect(node.records.deadlineMs(0)).toBe(node.nowMs)
    expect(node.expire()).toEqual(['write 0: 7=nothing until 0 h'])
    expect(node.records.deadlineMs(0)).toBe(Number.POSITIVE_INFINITY)
  })

  test('that is invalid, worse or not written is refused, and what is held stays', () => {
    const node = holding()
    expect(node.put(7, Uint8Array.of(0), 6)).toEqual(['validate 3: 0 against 1'])
    expect(node.verdict(3, 'invalid')).toEqual(['refuse 6'])
    node.put(7, Uint8Array.of(0), 7)
    expect(node.verdict(4, 'worse')).toEqual(['refuse 7'])
    node.put(7, Uint8Array.of(2), 8)
    expect(node.verdict(5, 'better')).toEqual(['write 6: 7=2 until 48 h'])
    expect(node.written(6, false)).toEqual(['refuse 8'])
    expect(node.get(7)).toEqual(OK)
  })

  test('of the same record is echoed; it is written again when that adds an hour to its life', () => {
    const node = holding()
    node.nowMs = HOUR_MS - 1
    node.put(7, OK, 6)
    expect(node.verdict(3, 'same')).toEqual(['respond 6: putValue 7=1'])
    node.nowMs = HOUR_MS
    node.put(7, OK, 7)
    expect(node.verdict(4, 'same')).toEqual(['write 5: 7=1 until 49 h'])
    expect(node.written(5)).toEqual(['respond 7: putValue 7=1'])
    node.nowMs = 48 * HOUR_MS
    expect(node.get(7)).toEqual(OK)
    node.put(7, Uint8Array.of(9), 8)
    expect(node.verdict(6, 'same'), 'of the same rank').toEqual(['respond 8: putValue 7=9'])
    expect(node.get(7)).toEqual(OK)
    expect(node.records.deadlineMs(0)).toBe(49 * HOUR_MS)
  })

  test('waits for those before it at the same key and is judged against what they left', () => {
    const node = new Node()
    node.put(7, OK, 1)
    expect(node.put(7, Uint8Array.of(2), 2)).toEqual([])
    expect(node.put(8, OK, 3)).toEqual(['validate 2: 1 against nothing'])
    expect(node.verdict(1, 'better')).toEqual(['write 3: 7=1 until 48 h'])
    expect(node.written(3)).toEqual(['respond 1: putValue 7=1', 'validate 4: 2 against 1'])
    expect(node.verdict(1, 'better')).toEqual([])
  })

  test('is judged again when what it was judged against has expired', () => {
    const node = holding()
    node.put(7, Uint8Array.of(2), 6)
    node.nowMs = 48 * HOUR_MS
    expect(node.verdict(3, 'worse')).toEqual(['validate 4: 2 against nothing'])
    expect(node.verdict(4, 'same'), 'no verdict').toEqual(['refuse 6'])
  })

  test('whose old value expires under the write deletes it when the write fails', () => {
    const node = holding()
    node.nowMs = 47 * HOUR_MS
    node.put(7, Uint8Array.of(2), 6)
    node.verdict(3, 'better')
    node.nowMs = 48 * HOUR_MS
    expect(node.expire()).toEqual([])
    expect(node.written(4, false)).toEqual(['write 0: 7=nothing until 0 h', 'refuse 6'])
  })

  test('over a limit is refused at once', () => {
    const node = new Node({ recordBytesMax: 4, recordsBytesMax: 3 })
    expect(node.put(7, new Uint8Array(0), 1)).toEqual(['refuse 1'])
    expect(node.put(7, new Uint8Array(5), 2)).toEqual(['refuse 2'])
    expect(node.put(7, new Uint8Array(4), 3), 'more than all strangers have').toEqual(['refuse 3'])
    expect(node.put(7, OK, 4, new Uint8Array(0))).toEqual(['refuse 4'])
    expect(node.put(7, OK, 5, new Uint8Array(81))).toEqual(['refuse 5'])
    expect(node.put(7, OK, 6, new Uint8Array(80))).toHaveLength(1)
    expect(node.own(7, new Uint8Array(5), 7)).toEqual(['stored 7 false: size'])
    expect(new Node({ recordsMax: 0 }).put(7, OK, 1)).toEqual(['refuse 1'])
  })
})

describe('our own', () => {
  test('put tells how it ended', () => {
    const node = new Node()
    node.own(7, OK, 1)
    expect(node.verdict(1, 'better')).toEqual(['write 2: 7=1 until 48 h'])
    expect(node.written(2)).toEqual(['stored 1 true: written'])
    node.own(7, OK, 2)
    expect(node.verdict(3, 'same')).toEqual(['stored 2 true: held'])
    node.own(7, OK, 3)
    expect(node.verdict(4, 'worse')).toEqual(['stored 3 false: worse'])
    node.own(7, OK, 4)
    expect(node.verdict(5, 'invalid')).toEqual(['stored 4 false: invalid'])
    node.own(8, OK, 5)
    node.verdict(6, 'better')
    expect(node.written(7, false)).toEqual([
      'write 0: 8=nothing until 0 h',
      'stored 5 false: failed',
    ])
  })

  test('values stay when strangers fill the rest, also those that a stranger puts again', () => {
    const node = new Node({ recordsMax: 1, renewalMinMs: 0 })
    expect(store(node, 1, (key) => node.own(key, OK, 1))).toEqual(['stored 1 true: written'])
    node.put(1, OK, 2)
    node.verdict(3, 'same')
    expect(node.written(4)).toEqual(['respond 2: putValue 1=1'])
    expect(store(node, 2, (key) => node.put(key, OK, 3))).toEqual(['respond 3: putValue 2=1'])
    expect(store(node, 3, (key) => node.put(key, OK, 4))).toEqual([
      'write 0: 2=nothing until 0 h',
      'respond 4: putValue 3=1',
    ])
    expect(node.get(1)).toEqual(OK)
    // What we put after a stranger is ours from then on, and leaves strangers their room.
    node.own(3, OK, 5)
    expect(node.verdict(9, 'same')).toEqual(['write 10: 3=1 until 48 h'])
    node.written(10)
    expect(store(node, 4, (key) => node.put(key, OK, 6))).toEqual(['respond 6: putValue 4=1'])
    expect([1, 3, 4].map((key) => node.get(key))).toEqual([OK, OK, OK])
  })

  test('judgements and puts have a quarter of the jobs that no flood takes', () => {
    const node = new Node({ jobsMax: 4 })
    for (const exchange of [1, 2, 3]) expect(node.put(exchange, OK, exchange)).toHaveLength(1)
    expect(node.put(4, OK, 4)).toEqual(['refuse 4'])
    expect(node.judge(OK, 9)).toBe(4)
    expect(node.judge(OK, 9)).toBe(0)
    expect(node.own(5, OK, 6)).toEqual(['stored 6 false: busy'])
    expect(node.verdict(4, 'same')).toEqual(['judged 9 4: same'])
    expect(node.verdict(1, 'invalid')).toEqual(['refuse 1'])
    expect(node.put(4, OK, 5)).toEqual(['validate 5: 1 against nothing'])
    expect(node.judge(OK, 9)).toBe(6)
    expect(node.judge(OK, 10)).toBe(0)
    node.records.cancel(0, 9)
    expect(node.judge(OK, 10)).toBe(7)
  })

  test('cancelled operation hears nothing more, and its put goes on', () => {
    const node = new Node()
    node.judge(OK, 1)
    node.own(7, OK, 1)
    node.judge(OK, 2)
    node.records.cancel(0, 1)
    expect(node.verdict(1, 'better')).toEqual([])
    expect(node.verdict(3, 'better')).toEqual(['judged 2 3: better'])
    node.verdict(2, 'better')
    expect(node.written(4)).toEqual([])
    expect(node.get(7)).toEqual(OK)
  })
})

describe('at start', () => {
  test('what has expired, is too large or finds no room is deleted', () => {
    const node = new Node({ recordsMax: 2, recordBytesMax: 4 })
    expect(node.load(1, OK, HOUR_MS)).toEqual([])
    expect(node.load(2, OK, 0)).toEqual(['write 0: 2=nothing until 0 h'])
    expect(node.load(2, OK, Number.NaN)).toEqual(['write 0: 2=nothing until 0 h'])
    expect(node.load(2, new Uint8Array(5), HOUR_MS)).toEqual(['write 0: 2=nothing until 0 h'])
    expect(node.load(3, OK, 99 * HOUR_MS)).toEqual([])
    expect(node.load(4, OK, HOUR_MS / 2)).toEqual(['write 0: 4=nothing until 0 h'])
    expect(node.load(5, OK, 2 * HOUR_MS)).toEqual(['write 0: 1=nothing until 0 h'])
    node.nowMs = 48 * HOUR_MS
    expect(node.get(3), 'a wrong clock makes nothing immortal').toBe(null)
  })

  test('what is held already is newer than what is loaded', () => {
    const node = holding()
    expect(node.load(7, Uint8Array.of(9), HOUR_MS)).toEqual([])
    expect(node.get(7)).toEqual(OK)
  })

  test('expiry takes at most 256 at once, and asks for more', () => {
    const node = new Node({ providerRecordsPerPeerMax: 1e6 })
    const peer = node.peers[0] as PeerRef
    for (let key = 0; key < 200; key++) node.announce(key, peer)
    for (let key = 0; key < 200; key++) node.load(key, OK, HOUR_MS)
    node.nowMs = 48 * HOUR_MS
    expect(node.expire()).toHaveLength(256)
    expect(node.records.deadlineMs(0)).toBeLessThanOrEqual(node.nowMs)
    expect(node.expire()).toHaveLength(144)
    expect(node.records.deadlineMs(0)).toBe(Number.POSITIVE_INFINITY)
  })
})

/** A node that holds the record 1 at key 7. */
function holding(): Node {
  const node = new Node()
  store(node, 7, (key) => node.put(key, OK, 5))
  return node
}

/** Sees a put through as valid; what its end says. */
function store(node: Node, key: number, put: (key: number) => string[]): string[] {
  const [asked = ''] = put(key)
  const [write = ''] = node.verdict(Number(/\d+/.exec(asked)?.[0]), 'better')
  return node.written(Number(/\d+/.exec(write)?.[0]))
}

test('a row alone gives the same outputs as in a column of many', () => {
  const ROWS = 4
  const kinds = ['put', 'own', 'announce', 'judge', 'verdict', 'written', 'load', 'expire'] as const
  const verdict = fc.constantFrom<Verdict>('better', 'better', 'same', 'worse', 'invalid')
  const step = fc.record({
    row: fc.nat(ROWS - 1),
    kind: fc.constantFrom(...kinds),
    key: fc.nat(3),
    byte: fc.nat(3),
    job: fc.integer({ min: 1, max: 12 }),
    verdict,
    ok: fc.boolean(),
    afterMs: fc.constantFrom(0, 1, 5 * HOUR_MS, 30 * HOUR_MS),
  })
  const config: Config = {
    ...DEFAULT_CONFIG,
    jobsMax: 8,
    recordsMax: 2,
    providersPerKeyMax: 1,
    providerRecordsMax: 2,
  }
  const column = (nodes: number): { records: Records; peers: PeerRef[] } => {
    const book = new PeerBook()
    const peers = [0, 1, 2, 3].map((peer) => book.add(keyOf(100 + peer)))
    return { records: new Records({ nodes, book, config }), peers }
  }
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 120 }), (steps) => {
      const many = column(ROWS)
      const inMany = [0, 1, 2, 3].map((row) => new Node({}, many.records, row))
      const alone = [0, 1, 2, 3].map(() => new Node({}, column(1).records, 0))
      let nowMs = 0
      for (const { row, kind, key, byte, job, verdict, ok, afterMs } of steps) {
        nowMs += afterMs
        const said = [inMany[row] as Node, alone[row] as Node].map((node) => {
          node.nowMs = nowMs
          const record = Uint8Array.of(byte)
          const acts: Record<typeof kind, () => unknown> = {
            put: () => node.put(key, record, job),
            own: () => node.own(key, record, job),
            announce: () => node.announce(key, many.peers[byte] as PeerRef, byte === 0),
            judge: () => node.judge(record, job),
            verdict: () => node.verdict(job, verdict),
            written: () => node.written(job, ok),
            load: () => node.load(key, record, nowMs + byte * HOUR_MS),
            expire: () => node.expire(),
          }
          const said = acts[kind]()
          const { records } = node
          const message = new Message().clear('getProviders')
          records.providers(node.node, nowMs, keyOf(key), 0, message, -1)
          const named = message.providers.slice(0, message.providerCount)
          return [said, node.get(key), named, records.deadlineMs(node.node)]
        })
        expect(said[0]).toEqual(said[1])
      }
    }),
    { numRuns: 1_000 },
  )
}, 120_000)
