/** What the network of one worker is made of. */
import type { Mailbox } from '../engine/mailbox.ts'
import type { Wheel } from '../engine/wheel.ts'
import type { TransportSettings } from '../scenario/scenario.ts'
import type { Link } from '../world/link.ts'
import type { Population } from '../world/population.ts'

/** Which identities are a worker's. */
export interface Partition {
  /** Row 0 of this worker is this identity. */
  first: number
  count: number
  /** Identities of one worker: identity i is of worker floor(i / share). */
  share: number
  worker: number
}

export interface NetworkInit {
  partition: Partition
  population: Population
  link: Link
  transports: TransportSettings
  /** Share of pairs of which one is behind a NAT that a hole punch connects. */
  holePunchShare: number
  wheel: Wheel
  seed: number
  /** To each worker; null for this one. */
  outgoing: readonly (Mailbox | null)[]
}
