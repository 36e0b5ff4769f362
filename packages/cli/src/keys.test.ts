import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import fc from 'fast-check'
import { base36 } from 'multiformats/bases/base36'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { CliError } from './errors.ts'
import { parseCid, parseHex, parsePeerId, parseRecordKey, parseTarget } from './keys.ts'

const ED25519 = '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8'
const RSA = 'QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN'
const CONTENT = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

describe('record keys', () => {
  test('are the namespace and the bytes of the multihash', () => {
    const key = parseRecordKey(`/pk/${RSA}`)
    expect(textOf(key.bytes.subarray(0, 4))).toBe('/pk/')
    // sha2-256, 32 bytes: the multihash that the text is the base58 of.
    expect(hexOf(key.bytes.subarray(4, 6))).toBe('1220')
    expect(key.bytes.length).toBe(4 + 34)
    expect(textOf(parseRecordKey(`/ipns/${RSA}`).bytes.subarray(0, 6))).toBe('/ipns/')
  })

  test('are the same for every spelling of a name', async () => {
    const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
    const asBase58 = parseRecordKey(`/ipns/${peer}`)
    const asBase36 = parseRecordKey(`/ipns/${peer.toCID().toString(base36)}`)
    const asBase32 = parseRecordKey(`/ipns/${peer.toCID()}`)
    expect(hexOf(asBase36.bytes)).toBe(hexOf(asBase58.bytes))
    expect(hexOf(asBase32.bytes)).toBe(hexOf(asBase58.bytes))
    expect(asBase36.text).toBe(`/ipns/${peer}`)
  })

  test.each([
    ['', 'write /pk'],
    ['/', 'write /pk'],
    ['pk/x', 'write /pk'],
    ['/pk/', 'write /pk'],
    [`/pk/${RSA}/`, 'write /pk'],
    [`/pk/${RSA}/x`, 'write /pk'],
    [`/foo/${RSA}`, '/pk/ and /ipns/ only'],
    ['/pk/zzz', 'bad peer id'],
    [`/ipns/${CONTENT}`, 'CID of content'],
  ])('refuse %j', (text, reason) => {
    expect(() => parseRecordKey(text)).toThrow(reason)
  })
})

describe('any text', () => {
  const words = fc.constantFrom(
    '/pk/',
    '/ipns/',
    ED25519,
    RSA,
    CONTENT,
    '/',
    'k51qzi5uqu5',
    'bafz',
    'Q',
    '1',
    'z',
  )
  const nearMiss = fc.array(fc.oneof(words, fc.string({ maxLength: 8 })), { maxLength: 4 })
  const texts = fc.oneof(
    fc.string(),
    nearMiss.map((parts) => parts.join('')),
  )

  test.each([
    ['record key', parseRecordKey],
    ['peer id', parsePeerId],
    ['CID', parseCid],
    ['target', parseTarget],
    ['hexadecimal', parseHex],
  ] as const)('is a %s or bad input, never a defect', (_, parse) => {
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(CliError)
          expect((error as CliError).exit).toBe('usage')
          expect((error as CliError).message).not.toMatch(/\n/)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('that is the base58 of a sha2-256 multihash is a peer id that reads back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
        const multihash = new Uint8Array([0x12, 0x20, ...digest])
        const text = CID.decode(multihash).toString()
        expect(hexOf(parsePeerId(text).toMultihash().bytes)).toBe(hexOf(multihash))
        const key = parseRecordKey(`/pk/${text}`)
        expect(key.text).toBe(`/pk/${text}`)
        expect(hexOf(key.bytes)).toBe(hexOf(Buffer.from('/pk/')) + hexOf(multihash))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('the target of closest', () => {
  test('is hashed from the multihash of a peer or content, or from the record key', () => {
    expect(hexOf(parseTarget(ED25519))).toBe(hexOf(peerIdFromString(ED25519).toMultihash().bytes))
    expect(hexOf(parseTarget(CONTENT))).toBe(hexOf(CID.parse(CONTENT).multihash.bytes))
    expect(hexOf(parseTarget(`/pk/${RSA}`))).toBe(hexOf(parseRecordKey(`/pk/${RSA}`).bytes))
    expect(() => parseTarget('zz')).toThrow('bad target')
  })
})

describe('hexadecimal', () => {
  test('reads back what was written, with and without 0x', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (bytes, prefixed) => {
        expect(parseHex((prefixed ? '0x' : '') + hexOf(bytes))).toEqual(bytes)
      }),
      { numRuns: 1_000 },
    )
  })

  test.each(['1', 'xy', '0x1', '12 34', '00zz'])('refuses %j', (text) => {
    expect(() => parseHex(text)).toThrow('pairs of the digits')
  })
})
