/**
 * The names of the metrics, without their prefix: those of `@libp2p/kad-dht` that have a meaning here,
 * those of our own, and those that are left out with the reason. docs/metrics.md says what each means;
 * a test holds it, and a node of `@libp2p/kad-dht`, against this list.
 */
import type { OperationType } from '@kadmium/core'

/** The values of the label `operation` for what callers ask. */
export const OPERATION_NAMES = {
  getClosest: 'GET_CLOSEST_PEERS',
  findPeer: 'FIND_PEER',
  getValue: 'GET_VALUE',
  putValue: 'PUT_VALUE',
  findProviders: 'FIND_PROVIDERS',
  provide: 'PROVIDE',
} as const satisfies Record<OperationType, string>

/** The values of the label `operation`. */
export type OperationName = (typeof OPERATION_NAMES)[OperationType] | 'SELF_QUERY'

/** What a metric is registered as; `group`: one value for each value of the label. */
export type MetricKind = 'gauge' | 'gauge group' | 'counter group'

export interface MetricShape {
  kind: MetricKind
  /** Name of the label of a group; a group without one has its own full name for a label. */
  label?: string
}

/** As `@libp2p/kad-dht` registers them. */
export const THEIRS = {
  operations_total: { kind: 'gauge group', label: 'operation' },
  operation_errors_total: { kind: 'counter group', label: 'operation' },
  operation_time_seconds: { kind: 'gauge group', label: 'operation' },
  operation_error_time_seconds: { kind: 'gauge group', label: 'operation' },
  outbound_rpc_requests_total: { kind: 'counter group' },
  outbound_rpc_errors_total: { kind: 'counter group' },
  inbound_rpc_requests_total: { kind: 'counter group' },
  inbound_rpc_errors_total: { kind: 'counter group' },
  inbound_rpc_time_seconds: { kind: 'gauge group', label: 'operation' },
  network_message_send_times_milliseconds: { kind: 'gauge group' },
  routing_table_size: { kind: 'gauge' },
  routing_table_kad_bucket_total: { kind: 'gauge' },
  routing_table_kad_bucket_average_occupancy: { kind: 'gauge' },
  routing_table_kad_bucket_min_occupancy: { kind: 'gauge' },
  routing_table_kad_bucket_max_occupancy: { kind: 'gauge' },
  routing_table_kad_bucket_max_depth: { kind: 'gauge' },
  kad_bucket_events_total: { kind: 'counter group' },
  ping_new_contact_queue: { kind: 'gauge group' },
  ping_old_contact_queue: { kind: 'gauge group' },
  routing_table_ping_new_contact_time_milliseconds: { kind: 'gauge group' },
  routing_table_ping_old_contact_time_milliseconds: { kind: 'gauge group' },
  reprovide_queue: { kind: 'gauge group' },
  reprovide_timeout_milliseconds: { kind: 'gauge group' },
} as const satisfies Record<string, MetricShape>

/** What Kadmium adds. */
export const OURS = {
  outbound_rpc_outcomes_total: { kind: 'counter group', label: 'outcome' },
  outbound_rpc_in_flight: { kind: 'gauge' },
  routing_table_peers: { kind: 'gauge group', label: 'state' },
  routing_table_standing_total: { kind: 'counter group', label: 'change' },
  network_size_estimate: { kind: 'gauge' },
  pooled_streams_peers: { kind: 'gauge' },
} as const satisfies Record<string, MetricShape>

/** Metrics of `@libp2p/kad-dht` that have nothing to tell here. */
export const LEFT_OUT = {
  routing_table_update_queue: 'the table is updated at once, no updates queue up',
  adding_peer_map: 'it counts entries of a map inside their table, which has no counterpart',
} as const satisfies Record<string, string>

export type MetricName = keyof typeof THEIRS | keyof typeof OURS
