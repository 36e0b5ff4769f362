/** Defaults that a drop-in must share with `@libp2p/kad-dht`, so that two nodes and two runs understand each other. */

/** The public Kademlia network of libp2p. */
export const PROTOCOL = '/ipfs/kad/1.0.0'

export const LOG_PREFIX = 'libp2p:kad-dht'

export const DATASTORE_PREFIX = '/dht'

/** Streams of the protocol that one connection may open towards us. */
export const MAX_INBOUND_STREAMS = 32

/** Streams of the protocol that we may open on one connection. */
export const MAX_OUTBOUND_STREAMS = 64
