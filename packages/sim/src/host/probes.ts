/** Questions of the measurement, which take no part in the simulation: does this node hold that record? */
import * as flight from './flights.ts'
import type { HostInit } from './host-init.ts'
import type { Store } from './store.ts'

/** Answers a question that has come to a node, or hands an answer to who asked. */
export function answerProbe(
  { network, observer, lookaheadMs }: HostInit,
  store: Store,
  row: number,
  letter: number,
  nowMs: number,
): void {
  const { words } = network.flights
  const at = network.flights.at(letter)
  const id = words[at + flight.REQUEST_ID] as number
  if (words[at + flight.KIND] === flight.PROBE_ANSWER) {
    observer.probed(row, id, words[at + flight.VERSION] as number)
    return
  }
  const subject = words[at + flight.SUBJECT] as number
  const from = words[at + flight.FROM] as number
  const version = store.version(row, subject)
  network.probe(row, from, flight.PROBE_ANSWER, id, subject, version, nowMs + lookaheadMs)
}
