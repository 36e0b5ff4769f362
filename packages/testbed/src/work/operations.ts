/**
 * The operations as a user makes them, through the service's own generators, each with a deadline of its own
 * and checked: a result is `ok` only if what came back is what was stored. An exception is a failed operation,
 * never a failed run.
 */
import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays/equals'
import type { DhtService } from '../implementations.ts'
import type { ValueRecord } from './records.ts'

export interface Outcome {
  readonly ok: boolean
  /** Until the value, the first provider, the peer; or until a put or provide returned. */
  readonly ms: number
  /** Why it failed, in a line. */
  readonly error?: string
}

/** What an operation is given to end by. */
export interface OperationLimits {
  timeoutMs: number
  signal?: AbortSignal | undefined
}

type Events = ReturnType<DhtService['get']>
type DhtEvent = Events extends AsyncIterable<infer Event> ? Event : never

export function put(
  dht: DhtService,
  record: ValueRecord,
  limits: OperationLimits,
): Promise<Outcome> {
  return drained(limits, (signal) => dht.put(record.key, record.value, { signal }))
}

export function provide(dht: DhtService, cid: CID, limits: OperationLimits): Promise<Outcome> {
  return drained(limits, (signal) => dht.provide(cid, { signal }))
}

/** To the first VALUE, which must be the value expected. */
export function get(
  dht: DhtService,
  record: ValueRecord,
  limits: OperationLimits,
): Promise<Outcome> {
  return firstMatch(
    limits,
    (signal) => dht.get(record.key, { signal }),
    (event) => (event.name === 'VALUE' ? equals(event.value, record.value) : undefined),
  )
}

/** To the first PROVIDER, which must be the provider expected; then the search is left. */
export function findProvider(
  dht: DhtService,
  cid: CID,
  provider: PeerId,
  limits: OperationLimits,
): Promise<Outcome> {
  return firstMatch(
    limits,
    (signal) => dht.findProviders(cid, { signal }),
    (event) =>
      event.name === 'PROVIDER' && event.providers.length > 0
        ? event.providers.some((peer) => peer.id.equals(provider))
        : undefined,
  )
}

/** To the FINAL_PEER, which must be the peer sought and have an address. */
export function findPeer(dht: DhtService, peer: PeerId, limits: OperationLimits): Promise<Outcome> {
  return firstMatch(
    limits,
    (signal) => dht.findPeer(peer, { signal }),
    (event) =>
      event.name === 'FINAL_PEER'
        ? event.peer.id.equals(peer) && event.peer.multiaddrs.length > 0
        : undefined,
  )
}

/** Runs a generator to its end. */
function drained(
  limits: OperationLimits,
  start: (signal: AbortSignal) => Events,
): Promise<Outcome> {
  return timed(limits, async (signal) => {
    for await (const _ of start(signal)) {
      // Its events are for those who watch.
    }
    return undefined
  })
}

/** Runs a generator until an event decides: true is success, false a wrong answer, undefined no answer yet. */
function firstMatch(
  limits: OperationLimits,
  start: (signal: AbortSignal) => Events,
  decide: (event: DhtEvent) => boolean | undefined,
): Promise<Outcome> {
  return timed(limits, async (signal, answered) => {
    for await (const event of start(signal)) {
      const verdict = decide(event)
      if (verdict === undefined) continue
      answered()
      return verdict ? undefined : 'a wrong answer'
    }
    return 'nothing found'
  })
}

/** After the deadline an implementation has this long to notice its signal. */
const GRACE_MS = 1_000

/** Times a piece of work; `answered` stops the watch before the work has tidied up after itself. */
async function timed(
  limits: OperationLimits,
  work: (signal: AbortSignal, answered: () => void) => Promise<string | undefined>,
): Promise<Outcome> {
  const startMs = performance.now()
  let ms: number | undefined
  const answered = (): void => {
    ms = performance.now() - startMs
  }
  const deadline = AbortSignal.timeout(limits.timeoutMs)
  const signals = limits.signal === undefined ? [deadline] : [deadline, limits.signal]
  let late: NodeJS.Timeout | undefined
  const overrun = new Promise<string>((resolve) => {
    late = setTimeout(() => resolve('no end after its time-out'), limits.timeoutMs + GRACE_MS)
  })
  let error: string | undefined
  try {
    error = await Promise.race([work(AbortSignal.any(signals), answered), overrun])
  } catch (thrown) {
    error = describe(thrown)
  } finally {
    clearTimeout(late)
  }
  if (error === undefined && deadline.aborted && ms === undefined) error = 'timed out'
  const outcome = { ok: error === undefined, ms: ms ?? performance.now() - startMs }
  return error === undefined ? outcome : { ...outcome, error }
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}
