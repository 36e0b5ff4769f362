/**
 * What is read of a message at most, beside the lengths of lists and keys that the core sets. Whoever is over a limit of a whole message gets an error;
 * whoever is over a limit of a list or of one peer loses only what is too much.
 */

/**
 * A request that a server reads, bytes. The longest honest one is a PUT_VALUE: a value of 64 KiB (the
 * most that a record may have by default), its key twice (80 bytes each), a time and, from old
 * nodes, a signature. Twice the value leaves room for all of it; whatever is longer would be refused
 * after it was read, so it is refused before.
 */
export const REQUEST_BYTES_MAX: number = 128 * 1024

/**
 * An answer that a client reads, bytes: what other implementations send at most (4 MiB in go and
 * js). A server may name thousands of providers of a popular key; we keep the first and lose none of
 * the answer.
 */
export const ANSWER_BYTES_MAX: number = 4 * 1024 * 1024

/** The record of one peer, bytes: longer ones are dropped, as go does. */
export const PEER_BYTES_MAX: number = 8 * 1024

/** Addresses kept of one peer; the dialler of js-libp2p tries 25. */
export const ADDRESSES_MAX = 32

/**
 * Entries of a list that are looked at for each that may be kept, so that a list of rubbish costs
 * little; the rest of a longer list is not read.
 */
export const EXAMINED_PER_KEPT = 4

/** Entries that a list can have at all: one more and the message is malformed. */
export const LIST_MAX: number = 64 * 1024
