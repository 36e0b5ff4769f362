/**
 * Who holds what, by looking into the nodes' datastores: both implementations keep values under
 * `/dht/record/<base32 key>` and providers under `/dht/provider/<base32 multihash>/<peer id>`.
 */
import type { PeerId } from '@libp2p/interface'
import { Key } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import { toString as bytesToString } from 'uint8arrays/to-string'
import { DATASTORE_PREFIX } from '../implementations.ts'
import type { TestNode } from '../network.ts'

/** A node whose store can be looked into. */
type Holder = Pick<TestNode, 'datastore'>

/** Does the node's own store have a value for this key, and, if `value` is given, that very value? */
export async function holdsValue(
  node: Holder,
  key: Uint8Array,
  value?: Uint8Array,
): Promise<boolean> {
  const at = new Key(`${DATASTORE_PREFIX}/record/${bytesToString(key, 'base32')}`, false)
  if (!(await node.datastore.has(at))) return false
  if (value === undefined) return true
  // The stored protobuf carries the value as it is.
  return Buffer.from(await node.datastore.get(at)).indexOf(Buffer.from(value)) >= 0
}

/** Does the node's own store name this provider of the CID? */
export async function holdsProvider(node: Holder, cid: CID, provider: PeerId): Promise<boolean> {
  const multihash = bytesToString(cid.multihash.bytes, 'base32')
  return await node.datastore.has(
    new Key(`${DATASTORE_PREFIX}/provider/${multihash}/${provider.toString()}`),
  )
}

/** Those of the nodes that hold something. */
export async function holdersAmong<T extends Holder>(
  nodes: readonly T[],
  holds: (node: T) => Promise<boolean>,
): Promise<T[]> {
  const flags = await Promise.all(nodes.map(holds))
  return nodes.filter((_, index) => flags[index] === true)
}
