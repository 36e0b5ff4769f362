/** Runs all cases with one implementation: over each transport, in each network, in both directions. */
import type { Tell } from './build.ts'
import { CASES, type Case } from './cases.ts'
import type { Difference, Implementation, Ready } from './implementations.ts'
import { lacksTransport, startLibp2pPeer } from './libp2p-peer.ts'
import { type Member, Network, otherSide, type Setting, type Side } from './network.ts'
import type { PeerInit, Transport } from './peer.ts'
import { ARROWS, type Outcome, type Row } from './report.ts'

/** Small results, so that what is written and read must cross; and the network as everybody runs it. */
const NETWORKS: readonly Omit<Setting, 'transport'>[] = [
  { protocol: '/interop/kad/1.0.0', k: 3, servers: 4 },
  { protocol: '/ipfs/kad/1.0.0', k: 20, servers: 3 },
]
const SIDES: readonly Side[] = ['us', 'them']
const MODES: readonly Member['mode'][] = ['server', 'client']
const SEED = 1
/** What should come is waited for so long, ms; what is known not to come shorter. */
const SETTLE_MS = 10_000
const DIFFERS_MS = 500

type Plan = Omit<Row, keyof Outcome>

export async function runImplementation(
  implementation: Implementation,
  tell: Tell,
): Promise<readonly Row[]> {
  const absent = implementation.absent()
  if (absent !== null) return allRows(implementation.name, implementation, notRun(absent))
  let ready: Ready
  try {
    ready = await implementation.prepare(tell)
  } catch (error) {
    return allRows(implementation.name, implementation, failed(error))
  }
  const rows: Row[] = []
  for (const transport of implementation.transports) {
    const lack = await lacksTransport(transport)
    for (const network of NETWORKS) {
      const setting = { ...network, transport }
      if (lack !== null) rows.push(...networkRows(ready.name, setting, notRun(lack)))
      else rows.push(...(await runNetwork(ready, implementation.differences, setting, tell)))
    }
  }
  return rows
}

async function runNetwork(
  ready: Ready,
  differences: readonly Difference[],
  setting: Setting,
  tell: Tell,
): Promise<Row[]> {
  const where = `${ready.name} over ${setting.transport}, ${setting.protocol}`
  tell(`${where}: forming`)
  const starters = { us: (init: PeerInit) => startLibp2pPeer('kadmium', init), them: ready.start }
  let network: Network
  try {
    const form = (): Promise<Network> => Network.start(setting, starters, SEED)
    const again = (error: Error): Promise<Network> => {
      tell(`${where}: forming anew: ${error.message}`)
      return form()
    }
    network = await form().catch(again).catch(again)
  } catch (error) {
    return networkRows(ready.name, setting, failed(error))
  }
  const rows: Row[] = []
  try {
    for (const planned of plan(ready.name, setting)) {
      tell(`${where}: ${planned.operation}, ${ARROWS[planned.asker]} (${planned.mode})`)
      rows.push({ ...planned, ...(await runTwice(network, planned, differences)) })
    }
  } finally {
    await network.stop()
  }
  return rows
}

/** On a busy machine requests time out; what fails gets a second try with other keys, and that is told. */
async function runTwice(
  network: Network,
  planned: Plan,
  differences: readonly Difference[],
): Promise<Outcome> {
  const first = await runCase(network, planned, differences)
  if (first.result !== 'failed') return first
  const second = await runCase(network, planned, differences)
  if (second.result !== 'passed') return second
  return { result: 'passed', reason: `at the second try, after: ${first.reason}` }
}

async function runCase(
  network: Network,
  { operation, asker: side, mode }: Plan,
  differences: readonly Difference[],
): Promise<Outcome> {
  const chosen = CASES.find(({ name }) => name === operation) as Case
  if (chosen.foreign && mode === 'server' && network.isWhole) {
    return notRun('every server holds everything here')
  }
  const known = differences.find((one) => one.operation === operation && one.asker === side)
  const asked = otherSide(side)
  const asker = mode === 'client' ? network.client(side) : (network.servers(side)[1] as Member)
  try {
    const settleMs = known === undefined ? SETTLE_MS : DIFFERS_MS
    await chosen.run({ network, asker, asked, settleMs })
  } catch (error) {
    const outcome = failed(error)
    return outcome.reason === known?.says ? { result: 'differs', reason: known.reason } : outcome
  }
  if (known === undefined) return { result: 'passed' }
  return failed(new Error(`passes, which was not expected: ${known.reason}`))
}

/** Each case in each direction and mode of the asker. */
function plan(implementation: string, { transport, protocol, k }: Setting): readonly Plan[] {
  const where = { implementation, transport, protocol, k }
  return CASES.flatMap(({ name: operation }) =>
    SIDES.flatMap((asker) => MODES.map((mode) => ({ ...where, operation, asker, mode }))),
  )
}

function networkRows(name: string, setting: Setting, outcome: Outcome): Row[] {
  return plan(name, setting).map((planned) => ({ ...planned, ...outcome }))
}

function allRows(name: string, { transports }: Implementation, outcome: Outcome): readonly Row[] {
  return transports.flatMap((transport: Transport) =>
    NETWORKS.flatMap((network) => networkRows(name, { ...network, transport }, outcome)),
  )
}

const notRun = (reason: string): Outcome => ({ result: 'not run', reason })

const failed = (error: unknown): Required<Outcome> => ({
  result: 'failed',
  reason: error instanceof Error ? error.message : String(error),
})
