/**
 * How a value is read: it comes before slow peers have answered, and no peer that refuses a correction spoils it
 * (D8). It comes once, and is the best of what was found.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { comesAbout, ended, Gate, hex, inTime, stopAll, values } from '../live/calls.ts'
import { type Kind, type LiveNode, startNode } from '../live/nodes.ts'
import { TYPE, valueIn } from '../live/wire.ts'
import { SeededChoice } from '../random.ts'
import { ipnsName, ipnsVersion, publicKeyRecord } from '../work/records.ts'
import { BOTH, expectMended, patienceMs } from './both.ts'
import {
  holds,
  knowsNothing,
  meet,
  type Script,
  type ScriptedPeer,
  startScripted,
} from './scripted.ts'

const choose = new SeededChoice(43)
const running: (LiveNode | ScriptedPeer)[] = []

afterEach(() => stopAll(running.splice(0)))

/** A client whose table holds a peer for each script. */
async function reader(
  kind: Kind,
  scripts: readonly Script[],
): Promise<{ node: LiveNode; peers: ScriptedPeer[] }> {
  // What the other implementation does a second after its start it does at once here.
  const soon = kind === 'kad-dht' ? { initialQuerySelfInterval: 0 } : {}
  const node = await startNode(kind, { dht: { clientMode: true, ...soon } })
  running.push(node)
  const peers: ScriptedPeer[] = []
  for (const script of scripts) {
    const peer = await startScripted(script)
    running.push(peer)
    peers.push(peer)
  }
  await meet(node, peers)
  await vi.waitFor(() => expect(node.dht.routingTable.size).toBe(peers.length), 10_000)
  return { node, peers }
}

describe('D8: a get', () => {
  test.each(BOTH)('yields before slow peers have answered: $node', async ({ kind }) => {
    const record = await publicKeyRecord(choose)
    const gate = new Gate()
    const isSlow: Script = async (asked) => {
      if (asked.request.type === TYPE.getValue) await gate.isOpen
      return knowsNothing(asked)
    }
    const { node, peers } = await reader(kind, [holds(record), isSlow, isSlow, isSlow])
    const found: string[] = []
    const reading = (async () => {
      for await (const event of node.dht.get(record.key, inTime())) {
        if (event.name === 'VALUE') found.push(hex(event.value))
      }
    })()
    await vi.waitFor(() => {
      for (const peer of peers) expect(peer.askedFor(TYPE.getValue)).toHaveLength(1)
    }, 10_000)
    const isEarly = await comesAbout(() => found.length > 0, patienceMs(kind, 'kadmium'))
    gate.open()
    await reading
    expect(found).toEqual([hex(record.value)])
    const defect = 'a value waits for the slowest peer'
    expectMended(kind, defect, () => expect(isEarly, defect).toBe(true))
  })

  test.each(BOTH)('does not fail when a correction is refused: $node', async ({ kind }) => {
    const name = await ipnsName(choose)
    const [older, newer] = [await ipnsVersion(name, 1), await ipnsVersion(name, 2)]
    const { node, peers } = await reader(kind, [holds(older, 'refuses'), holds(newer)])
    const outcome = await ended(values(node.dht, name.key))
    const [refusing] = peers as [ScriptedPeer]
    await vi.waitFor(
      () => expect(refusing.askedFor(TYPE.putValue).length).toBeGreaterThan(0),
      10_000,
    )
    const defect = 'a refused correction fails the get'
    expectMended(kind, defect, () => {
      expect(outcome, defect).not.toBeInstanceOf(Error)
      expect((outcome as Uint8Array[]).map(hex), defect).toEqual([hex(newer.value)])
    })
  })
})

describe('a get', () => {
  test.each(BOTH)('yields one value, the best of what was found: $kind', async ({ kind }) => {
    const name = await ipnsName(choose)
    const versions = [
      await ipnsVersion(name, 3),
      await ipnsVersion(name, 7),
      await ipnsVersion(name, 5),
    ]
    const { node, peers } = await reader(
      kind,
      versions.map((version) => holds(version)),
    )
    expect((await values(node.dht, name.key)).map(hex)).toEqual([hex(versions[1]?.value)])
    // Those who had an older one get it.
    for (const peer of [peers[0], peers[2]]) {
      await vi.waitFor(() => {
        const put = peer?.askedFor(TYPE.putValue)[0]?.request.record
        expect(hex(valueIn(put as Uint8Array))).toBe(hex(versions[1]?.value))
      }, 10_000)
    }
  })
})
