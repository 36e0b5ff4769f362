/** Inputs and outputs as plain objects that may be kept and compared: what a step handed out is gone with the next. */
import { type Input, keyText, Message, type Output } from '@kadmium/core'

/** An output without the fields that its kind does not have, which a pooled record still may. */
export interface PlainOutput {
  kind: Output['kind']
  [field: string]: unknown
}

const FIELDS: { readonly [kind in Output['kind']]: readonly string[] } = {
  send: ['request', 'to', 'message', 'dialTimeoutMs'],
  cancelRequest: ['request', 'expired'],
  respond: ['exchange', 'message'],
  refuse: ['exchange'],
  accept: ['exchange'],
  dial: ['peer', 'timeoutMs'],
  pickKey: ['bits'],
  walkEnded: ['keyBytes', 'peers'],
  validate: ['job', 'keyBytes', 'record', 'against'],
  persistRecord: ['job', 'keyBytes', 'record', 'expiresAtMs'],
  persistProvider: ['job', 'keyBytes', 'provider', 'expiresAtMs'],
  asking: ['operation', 'peer', 'message'],
  answered: ['operation', 'peer', 'message'],
  peerFailed: ['operation', 'peer', 'reason'],
  valueFound: ['operation', 'peer', 'record'],
  providersFound: ['operation', 'peer', 'message'],
  peerFound: ['operation', 'from', 'peer'],
  closestFound: ['operation', 'message'],
  operationEnded: ['operation', 'outcome', 'stored', 'wanted'],
  forget: ['peer'],
}

export function plainOutput(output: Output): PlainOutput {
  const plain: PlainOutput = { kind: output.kind }
  for (const field of FIELDS[output.kind]) {
    const value: unknown = Reflect.get(output, field)
    plain[field] = value instanceof Message ? plainMessage(value) : copied(value)
  }
  return plain
}

/** An input that may be given again. */
export function copyInput(input: Input): Input {
  return 'message' in input
    ? { ...input, message: new Message().copy(input.message) }
    : { ...input }
}

function plainMessage(message: Message): Record<string, unknown> {
  const { type, key, keyBytes, record, closer, closerCount, providers, providerCount } = message
  return {
    type,
    key: keyText(key),
    keyBytes: copied(keyBytes),
    record: copied(record),
    closer: [...closer.subarray(0, closerCount)],
    providers: [...providers.subarray(0, providerCount)],
  }
}

function copied(value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value
}
