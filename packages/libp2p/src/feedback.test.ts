import { Nodes, Outbox, PeerBook } from '@kadmium/core'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { Directory } from './directory.ts'
import type { Arrival } from './driver.ts'
import { Feedback } from './feedback.ts'
import { passthroughMapper } from './mappers.ts'

const FILE = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
const OTHER = CID.parse('bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4')

async function newPeerId(): Promise<PeerId> {
  return peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
}

/** A core with the directory of a host, and a peer. */
async function scene() {
  const self = await newPeerId()
  const peer = await newPeerId()
  const book = new PeerBook()
  const mapper = passthroughMapper
  const directory = new Directory({ book, mapper, peerId: self, ownAddresses: () => [] })
  const nodes = new Nodes({ book, selves: [directory.self], seed: 1 })
  const time = { nowMs: 1_000_000 }
  const outbox = new Outbox()
  const dispatch = (arrival: Arrival): void => {
    const input = typeof arrival === 'function' ? arrival() : arrival
    outbox.clear()
    if (input !== null) nodes.handle(0, time.nowMs, input, outbox)
    for (const output of outbox) if (output.kind === 'forget') directory.forget(output.peer)
  }
  const connect = (): void =>
    dispatch(() => {
      const known = { peer: directory.internId(peer), dialled: true, ipGroup: 0 }
      return { kind: 'linkChanged', link: 'connected', ...known }
    })
  const feedback = new Feedback({ nodes, directory, dispatch }, () => time.nowMs)
  return { feedback, connect, directory, nodes, book, self, peer, time }
}

test('each outcome moves the score of a provider that is connected', async () => {
  const { feedback, connect, peer } = await scene()
  connect()
  expect(feedback.score(peer)).toBe(0.5)
  feedback.report(FILE, peer, 'served')
  const served = feedback.score(peer)
  expect(served).toBeGreaterThan(0.6)
  feedback.report(OTHER, peer, 'failed')
  const failed = feedback.score(peer)
  expect(failed).toBeLessThan(served as number)
  feedback.report(FILE, peer, 'lied')
  expect(feedback.score(peer)).toBeLessThan(failed as number)
  expect(feedback.score(peer)).toBeLessThan(0.2)
})

test('who was never met, or is forgotten, is remembered from then on', async () => {
  for (const [outcome, min, max] of [
    ['served', 0.6, 1],
    ['failed', 0.2, 0.4],
    ['lied', 0, 0.2],
  ] as const) {
    const { feedback, peer, book } = await scene()
    expect([feedback.score(peer), book.size]).toEqual([undefined, 1])
    feedback.report(FILE, peer, outcome)
    expect(feedback.score(peer)).toBeGreaterThan(min)
    expect(feedback.score(peer)).toBeLessThan(max)
  }
})

test('the same content counts once, whatever its CID is written as', async () => {
  const { feedback, connect, peer, time } = await scene()
  connect()
  feedback.report(FILE, peer, 'served')
  const once = feedback.score(peer)
  feedback.report(CID.createV1(0x70, FILE.multihash), peer, 'served')
  expect(feedback.score(peer)).toBe(once)
  time.nowMs += 3_600_000
  feedback.report(FILE, peer, 'served')
  expect(feedback.score(peer)).toBeGreaterThan(once as number)
})

test('nothing happens for ourselves, and another outcome is refused', async () => {
  const { feedback, self, peer, book } = await scene()
  for (const outcome of ['served', 'failed', 'lied'] as const) feedback.report(FILE, self, outcome)
  expect([feedback.score(self), book.size]).toEqual([undefined, 1])
  expect(() => Reflect.apply(feedback.report, feedback, [FILE, peer, 'slow'])).toThrow(
    'An outcome is one of served, failed, lied, not "slow"',
  )
})

test('what is no CID or no peer id is refused by a text that says what to pass', async () => {
  const { feedback, peer } = await scene()
  const refusal = (text: RegExp) =>
    expect.objectContaining({
      name: 'InvalidParametersError',
      message: expect.stringMatching(text),
    })
  for (const id of [undefined, null, `${peer}`, {}]) {
    expect(() => Reflect.apply(feedback.score, feedback, [id])).toThrow(refusal(/peerIdFromString/))
    const report = (): void => Reflect.apply(feedback.report, feedback, [FILE, id, 'served'])
    expect(report).toThrow(refusal(/peerIdFromString/))
  }
  for (const cid of [undefined, `${FILE}`, FILE.multihash.bytes]) {
    const report = (): void => Reflect.apply(feedback.report, feedback, [cid, peer, 'served'])
    expect(report).toThrow(refusal(/CID\.parse/))
  }
})
