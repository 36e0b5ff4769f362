/** Peers that speak the DHT's protocol as a test says, and remember what they were asked. */
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { dhtKey, dhtKeyOfPeer, nearest } from '../distance.ts'
import { type LiveInit, type LiveNode, type RawPeer, startRawPeer } from '../live/nodes.ts'
import { RawStream } from '../live/raw-stream.ts'
import {
  frame,
  type RawPeer as PeerInMessage,
  type RawMessage,
  type ReadMessage,
  readMessage,
  TYPE,
  writeMessage,
  writeRecord,
} from '../live/wire.ts'
import { eachLimited } from '../pool.ts'
import type { ValueRecord } from '../work/records.ts'

/** A request that came. */
export interface Asked {
  readonly request: ReadMessage
  readonly from: PeerId
  readonly stream: RawStream
}

/** An answer; null for none, `reset` for a stream that is reset in place of one. */
export type Reply = RawMessage | null | 'reset'

/** What a peer answers. */
export type Script = (asked: Asked) => Reply | Promise<Reply>

/** Knows nobody and nothing, and says so. */
export const knowsNothing: Script = ({ request: { type, key } }) =>
  type === TYPE.addProvider ? null : { type, key }

/** Takes requests and never answers. */
export const isSilent: Script = () => null

/** Names the nearest of some peers, as many as a result has, and never who asks. */
export function knows(peers: () => readonly ScriptedPeer[], count = 20): Script {
  return async ({ request, from }) => {
    const others = peers().filter(({ id }) => !id.equals(from))
    const closer = nearest(others, await dhtKey(request.key), count).map(({ named }) => named)
    return { type: request.type, key: request.key, closer }
  }
}

/** Has a record; what is put to it it takes, or refuses. */
export function holds({ key, value }: ValueRecord, onPut: 'takes' | 'refuses' = 'takes'): Script {
  return ({ request }) => {
    const { type, record } = request
    if (type === TYPE.getValue) return { type, key, record: writeRecord(key, value) }
    if (type !== TYPE.putValue) return { type, key: request.key }
    return onPut === 'refuses' || record === null ? 'reset' : { type, key, record }
  }
}

export class ScriptedPeer {
  readonly raw: RawPeer
  readonly id: PeerId
  readonly idBytes: Uint8Array
  /** Its place in the key space. */
  readonly key: Uint8Array
  script: Script
  /** BOUNDED: by what a test makes others ask */
  readonly asked: Asked[] = []

  constructor(raw: RawPeer, key: Uint8Array, script: Script) {
    this.raw = raw
    this.id = raw.libp2p.peerId
    this.idBytes = raw.idBytes
    this.key = key
    this.script = script
  }

  /** As messages name it. */
  get named(): PeerInMessage {
    return { id: this.idBytes, addresses: this.raw.addresses }
  }

  /** Requests of a type, or all. */
  askedFor(type?: number): Asked[] {
    return this.asked.filter(({ request }) => type === undefined || request.type === type)
  }

  stop(): Promise<void> {
    return Promise.resolve(this.raw.libp2p.stop())
  }
}

export async function startScripted(script: Script, init: LiveInit = {}): Promise<ScriptedPeer> {
  let peer: ScriptedPeer | null = null
  const raw = await startRawPeer(async (incoming, connection) => {
    const stream = new RawStream(incoming)
    let answered: Promise<void> = Promise.resolve()
    for (;;) {
      const bytes = await stream.nextRequest()
      if (bytes === null || peer === null) break
      const asked = { request: readMessage(bytes), from: connection.remotePeer, stream }
      peer.asked.push(asked)
      answered = answer(peer.script, asked)
    }
    // As servers do: who has worked through all that was asked ends its side too.
    await answered
    await incoming.close().catch(() => {})
  }, init)
  peer = new ScriptedPeer(raw, await dhtKeyOfPeer(raw.libp2p.peerId), script)
  return peer
}

async function answer(script: Script, asked: Asked): Promise<void> {
  const reply = await script(asked)
  const { stream } = asked.stream
  if (reply === 'reset') stream.abort(new Error('refused'))
  else if (reply !== null) asked.stream.write(frame(writeMessage(reply)))
}

/** Peers that start together. */
const START_CONCURRENCY = 8

/** Starts a peer with each of these keys. */
export async function startMany(
  keys: readonly PrivateKey[],
  script: Script,
): Promise<ScriptedPeer[]> {
  const peers: ScriptedPeer[] = []
  await eachLimited(keys, START_CONCURRENCY, async (privateKey, index) => {
    peers[index] = await startScripted(script, { privateKey })
  })
  return peers
}

/** The node dials these peers, one after the other. */
export async function meet(node: LiveNode, peers: readonly ScriptedPeer[]): Promise<void> {
  for (const peer of peers) await node.libp2p.dial(peer.raw.libp2p.getMultiaddrs())
}
