/**
 * `ok`; `notFound`: nobody had it; `noPeers`: nobody to ask; `partial`: stored on fewer than wanted;
 * `invalid`: our own record did not pass; `older`: nor did it, beside the one held here; `size`: the key has not
 * 1..80 bytes or the record not 1..`recordBytesMax`; `unwritten`: our own store failed; `busy`: too many operations;
 * `cancelled`.
 */
export type OperationOutcome =
  | 'ok'
  | 'notFound'
  | 'noPeers'
  | 'partial'
  | 'invalid'
  | 'older'
  | 'size'
  | 'unwritten'
  | 'busy'
  | 'cancelled'
