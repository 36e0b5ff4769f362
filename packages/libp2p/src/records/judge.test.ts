import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { Libp2pRecord } from '@libp2p/record'
import fc from 'fast-check'
import {
  createIPNSRecord,
  createIPNSRecordWithExpiration,
  marshalIPNSRecord,
  multihashToIPNSRoutingKey,
} from 'ipns'
import { describe, expect, test } from 'vitest'
import { RecordJudge, type RecordJudgeInit } from './judge.ts'
import { decodeRecord, encodeRecord } from './record.ts'

const NOW = new Date('2026-01-02T03:04:05.678Z')
const HOUR_MS = 3_600_000

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((p) => [...p]))
const record = (key: Uint8Array, value: Uint8Array): Uint8Array => encodeRecord(key, value, NOW)

const privateKey = await generateKeyPair('Ed25519')
const ipnsKey = multihashToIPNSRoutingKey(privateKey.publicKey.toMultihash())

/** A real IPNS record under `ipnsKey`, signed by its owner unless told otherwise. */
async function ipns(sequence: number, lifetimeMs = HOUR_MS, key = privateKey): Promise<Uint8Array> {
  return marshalIPNSRecord(await createIPNSRecord(key, '/ipfs/bafkqaaa', sequence, lifetimeMs))
}

describe('records', () => {
  test('come back as they went, and as @libp2p/record reads them', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (key, value) => {
        const encoded = record(key, value)
        expect(decodeRecord(encoded)).toEqual(Libp2pRecord.deserialize(encoded))
        expect([...(decodeRecord(encoded)?.value ?? [])]).toEqual([...value])
        expect(decodeRecord(encoded)?.timeReceived).toEqual(NOW)
      }),
      { numRuns: 1_000 },
    )
  })

  test('bytes that are none are null, and nothing is thrown', () => {
    expect(decodeRecord(Uint8Array.of(0x0a, 5, 1))).toBeNull()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
        decodeRecord(noise)
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('public keys', () => {
  const judge = new RecordJudge()

  test.each(['Ed25519', 'secp256k1', 'RSA'] as const)(
    'of type %s belong to their id',
    async (type) => {
      const { publicKey } =
        type === 'RSA' ? await generateKeyPair(type, 1024) : await generateKeyPair(type)
      const key = join(bytes('/pk/'), publicKey.toMultihash().bytes)
      const own = publicKeyToProtobuf(publicKey)
      expect(await judge.judge(key, own, null)).toBe('better')
      expect(await judge.judge(key, own, own)).toBe('same')
      const foreign = publicKeyToProtobuf(privateKey.publicKey)
      expect(await judge.judge(key, foreign, null)).toBe('invalid')
      expect(await judge.judge(key, bytes('no key'), null)).toBe('invalid')
    },
  )
})

describe('IPNS records', () => {
  const judge = new RecordJudge()

  test('the higher sequence wins, the stale one loses', async () => {
    const [old, young] = [await ipns(1), await ipns(2)]
    expect(await judge.judge(ipnsKey, old, null)).toBe('better')
    expect(await judge.judge(ipnsKey, young, old)).toBe('better')
    expect(await judge.judge(ipnsKey, old, young)).toBe('worse')
    expect(await judge.judge(ipnsKey, young, young)).toBe('same')
  })

  test('with one sequence the longer validity wins', async () => {
    const [short, long] = [await ipns(3), await ipns(3, 2 * HOUR_MS)]
    expect(await judge.judge(ipnsKey, long, short)).toBe('better')
    expect(await judge.judge(ipnsKey, short, long)).toBe('worse')
  })

  test('on a tie what is there stays', async () => {
    const expiration = '2099-01-01T00:00:00.000000000Z'
    const make = async (value: string): Promise<Uint8Array> => {
      const made = await createIPNSRecordWithExpiration(privateKey, value, 4, expiration)
      return marshalIPNSRecord(made)
    }
    const [one, other] = [await make('/ipfs/bafkqaaa'), await make('/ipfs/bafkqabi')]
    expect(await judge.judge(ipnsKey, one, other)).toBe('worse')
    expect(await judge.judge(ipnsKey, other, one)).toBe('worse')
  })

  test('an expired one is invalid, and loses its place to a lower sequence', async () => {
    const expired = await ipns(9, -HOUR_MS)
    expect(await judge.judge(ipnsKey, expired, null)).toBe('invalid')
    expect(await judge.judge(ipnsKey, await ipns(5), expired)).toBe('better')
  })

  test('of somebody else or tampered with is invalid', async () => {
    const foreign = await ipns(9, HOUR_MS, await generateKeyPair('Ed25519'))
    expect(await judge.judge(ipnsKey, foreign, null)).toBe('invalid')
    const tampered = await ipns(1)
    tampered[tampered.length - 60] = (tampered[tampered.length - 60] as number) ^ 1
    expect(await judge.judge(ipnsKey, tampered, null)).toBe('invalid')
  })
})

describe('any records', () => {
  const key = bytes('/app/x')
  const accept = (): void => {}

  /** A judge whose namespace `app` accepts all, and selects as told. */
  function judgeOf(select?: RecordJudgeInit['selectors']): RecordJudge {
    return new RecordJudge({ validators: { app: accept }, selectors: select })
  }

  test.each([
    '',
    '/',
    'app/x',
    '/app',
    '/app/',
    '//x',
    '/none/x',
    '/constructor/x',
    '/__proto__/x',
  ])('under the key "%s" nobody can judge them', async (text) => {
    const nameless = bytes(text)
    expect(await judgeOf().judge(nameless, bytes('v'), null)).toBe('invalid')
  })

  test('are refused by a validator that throws or rejects', async () => {
    const no = (): never => {
      throw new Error('no')
    }
    for (const validate of [no, async () => no()]) {
      const judge = new RecordJudge({ validators: { app: validate } })
      expect(await judge.judge(key, bytes('v'), null)).toBe('invalid')
    }
  })

  test('are worse where the selector throws, is missing or talks nonsense', async () => {
    const [a, b] = [bytes('a'), bytes('b')]
    const no = (): never => {
      throw new Error('no')
    }
    const selectors = [no, async () => no(), () => 2, () => Number.NaN]
    for (const app of selectors) expect(await judgeOf({ app }).judge(key, a, b)).toBe('worse')
    expect(await judgeOf().judge(key, a, b)).toBe('worse')
    expect(await judgeOf({ app: async () => 1 }).judge(key, a, b)).toBe('better')
  })
})

describe('the maps', () => {
  test('hold what is built in, what the user gave, and what is added later', async () => {
    const given = { app: () => {} }
    const judge = new RecordJudge({ validators: given, selectors: { app: () => 0 } })
    expect(Object.keys(judge.validators)).toEqual(['pk', 'ipns', 'app'])
    expect(Object.keys(judge.selectors)).toEqual(['pk', 'ipns', 'app'])
    const key = bytes('/late/x')
    expect(await judge.judge(key, bytes('v'), null)).toBe('invalid')
    judge.validators.late = () => {}
    expect(await judge.judge(key, bytes('v'), null)).toBe('better')
    expect(new RecordJudge().validators).not.toHaveProperty('late')
  })

  test('of the user come before the built-in ones', async () => {
    const judge = new RecordJudge({ validators: { ipns: () => {} } })
    expect(await judge.judge(ipnsKey, bytes('anything'), null)).toBe('better')
  })
})
