/** What whoever makes a column of nodes has to bring. */
import type { Config } from './config.ts'
import type { PeerBook, PeerRef } from './peers.ts'

/** What a column of nodes is made of. */
export interface NodesInit {
  /** The peer book that the refs of all inputs and outputs belong to. */
  book: PeerBook
  /** Each node's own identity, at least one; its length is the number of nodes. */
  selves: readonly PeerRef[] | Int32Array
  /** What each node's own key is the hash of, as it goes over the wire; left out where nothing does. */
  selfBytes?: readonly Uint8Array[]
  /** Overrides of `DEFAULT_CONFIG`. */
  config?: Partial<Config>
  /** Root of all dice: 32 bits. A node's own come from this and its key, whatever its row. */
  seed: number
  /** Where the columns live; a simulator passes shared memory. */
  allocate?: (bytes: number) => ArrayBufferLike
}
