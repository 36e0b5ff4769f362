import { type Config, Nodes, Outbox, PeerBook, type PeerRef } from '@kadmium/core'
import { expect, test } from 'vitest'
import { runScenario } from '../run.ts'
import { idlePhase, sampleScenario } from '../world/sample.ts'
import { inputOf, keyOf, outputLine, type TraceLine } from './lines.ts'

const TRACED = [3, 40, 77, 123, 200, 250]

/** Traces of some nodes of a larger world, with churn and loss on. */
async function traced(): Promise<TraceLine[]> {
  const idle = idlePhase(8)
  const mix = { get: 2, put: 2, provide: 1, findProviders: 2, findPeer: 1, ipns: 1 }
  const workload = { ...idle.workload, perSecond: 40, mix, subjects: 20, askers: 0 }
  const lines: TraceLine[] = []
  const scenario = sampleScenario(
    300,
    {
      link: { minOneWayMs: 25, loss: 0.02 },
      reach: { clientShare: 0.2, wrongServerShare: 0.2 },
      churn: { model: 'sessions', scaleHours: 0.003, awayHours: 0.002, stableShare: 0.5 },
    },
    {
      trace: TRACED,
      strategies: [{ name: 'kadmium', label: 'kadmium', options: { alpha: 5 } }],
      phases: [{ ...idle, workload, measured: true }],
    },
  )
  await runScenario(scenario, { onTrace: (line) => lines.push(JSON.parse(line) as TraceLine) })
  return lines
}

/** Lives a node's trace through again, alone, with refs of its own. Returns what it asks for, and what it did. */
function replay(lines: readonly TraceLine[]): { again: unknown[]; before: unknown[] } {
  const [head] = lines
  if (head?.self === undefined) throw new Error('a trace begins with who it is of')
  const met = lines.filter(({ peer }) => peer !== undefined && peer !== head.node)
  const book = new PeerBook({ fixed: true, capacity: met.length + 1 })
  const refs = new Map<PeerRef, PeerRef>()
  const back: PeerRef[] = []
  const groups = new Int32Array(met.length + 1)
  // In reverse, so that refs here have another order than there.
  const self: TraceLine = { node: head.node, peer: head.node, key: head.self.key, ipGroup: 0 }
  for (const { peer = 0, key = '', ipGroup = 0 } of [...met, self].reverse()) {
    const ref = book.add(keyOf(key))
    refs.set(peer, ref)
    back[ref] = peer
    groups[ref] = ipGroup
  }
  const here = (peer: PeerRef): PeerRef => refs.get(peer) as PeerRef
  const nodes = new Nodes({
    book,
    seed: head.self.seed,
    selves: Int32Array.of(here(head.node)),
    config: head.self.options as Partial<Config>,
  })
  const outbox = new Outbox()
  const again: unknown[] = []
  for (const { nowMs = 0, bucket, seated, in: input } of lines) {
    if (bucket !== undefined && seated !== undefined) {
      const peers = Int32Array.from(seated, here)
      const theirs = peers.map((ref) => groups[ref] as number)
      nodes.routing.seat(0, bucket, peers, peers.length, nowMs, theirs)
    }
    if (input === undefined) continue
    outbox.clear()
    nodes.handle(0, nowMs, inputOf(input, here), outbox)
    for (const output of outbox)
      again.push({ nowMs, ...outputLine(output, (ref) => back[ref] as PeerRef) })
  }
  const before = lines.flatMap(({ nowMs, out }) => (out === undefined ? [] : [{ nowMs, ...out }]))
  return { again: JSON.parse(JSON.stringify(again)) as unknown[], before }
}

test('a node of a large world, lived through again alone, asks for the very same', async () => {
  const lines = await traced()
  let outputs = 0
  for (const node of TRACED) {
    const { again, before } = replay(lines.filter((line) => line.node === node))
    outputs += before.length
    expect(again).toEqual(before)
  }
  expect(outputs).toBeGreaterThan(100)
  // It would show: without one of the inputs something else comes out.
  const isAnswer = (line: TraceLine): boolean => line.in?.kind === 'answerArrived'
  const asker = lines.find(isAnswer)?.node
  const one = lines.filter(({ node }) => node === asker)
  const heard = one.findIndex(isAnswer)
  expect(heard).toBeGreaterThan(0)
  const { again, before } = replay(one.filter((_, i) => i !== heard))
  expect(again).not.toEqual(before)
})
