/**
 * What a long-running node tells its user, as lines for people or one JSON object a line, and how it
 * finds back into the network when it has lost it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Io } from './io.ts'
import { write } from './io.ts'
import { contactAll } from './join.ts'
import { counted } from './output.ts'
import type { Mode, Session } from './session.ts'

/** First wait before the bootstrap peers are tried again; it doubles up to the longest. */
const RETRY_MIN_MS = 5_000
const RETRY_MAX_MS = 300_000

/** Time to the first look at the table for the status line, and between two looks. */
const STATUS_FIRST_MS = 5_000
const STATUS_MS = 60_000

export interface NodeAbout {
  /** The data folder. */
  data: string
  mode: Mode
  isJson: boolean
}

export interface NodeEvents {
  stopping(): Promise<void>
  stopped(): Promise<void>
}

/** An event: its fields for JSON, and its line for people (none where it would be noise). */
type Tell = (event: string, fields: Record<string, unknown>, line?: string) => Promise<void>

/** Tells what the node does, and keeps it in the network, until the user interrupts. */
export function keepNode(io: Io, session: Session, about: NodeAbout): NodeEvents {
  const tell: Tell = async (event, fields, line) => {
    const text = about.isJson ? JSON.stringify({ event, ...fields }) : line
    if (text !== undefined) await write(io.stdout, `${text}\n`)
  }
  const { node } = session
  const id = node.peerId.toString()
  void tellStart(tell, session, about)
  watchChanges(tell, session)
  void keepJoined(tell, session, io.interrupt)
  void tellStatus(tell, session, io.interrupt)
  return {
    stopping: () => tell('stopping', { peerId: id }, 'stopping'),
    stopped: () => tell('stopped', { peerId: id }, 'stopped'),
  }
}

async function tellStart(tell: Tell, session: Session, about: NodeAbout): Promise<void> {
  const { node, network, dht } = session
  const addresses = node.getMultiaddrs().map(String)
  const fields = {
    peerId: node.peerId.toString(),
    addresses,
    network: network.name,
    protocol: network.protocol,
    mode: dht.getMode(),
    data: about.data,
  }
  const waits = about.mode === 'auto' && dht.getMode() === 'client'
  const mode = waits ? 'client until others confirm that they reach it' : dht.getMode()
  const lines = [
    `peer id   ${fields.peerId}`,
    `network   ${network.name}, ${network.protocol}`,
    `mode      ${mode}`,
    `data      ${about.data}`,
    ...addresses.map((address) => `address   ${address}`),
  ]
  await tell('listening', fields, lines.join('\n'))
}

/** Tells of new addresses and of the change between client and server. */
function watchChanges(tell: Tell, session: Session): void {
  const { node, dht } = session
  let mode = dht.getMode()
  let known = node.getMultiaddrs().map(String)
  node.addEventListener('self:peer:update', () => {
    const addresses = node.getMultiaddrs().map(String)
    const fresh = addresses.filter((address) => !known.includes(address))
    if (fresh.length > 0) {
      void tell('addresses', { addresses }, fresh.map((each) => `address   ${each}`).join('\n'))
    }
    known = addresses
    // The service hears of the same event, and changes its mode only after it.
    setImmediate(tellMode)
  })
  const tellMode = () => {
    if (mode === dht.getMode()) return
    mode = dht.getMode()
    void tell('mode', { mode }, `mode      ${mode}`)
  }
}

/** Contacts the bootstrap peers, again and again while the table is empty. */
async function keepJoined(tell: Tell, session: Session, interrupt: AbortSignal): Promise<void> {
  let waitMs = RETRY_MIN_MS
  while (!interrupt.aborted && session.network.bootstrap.length > 0) {
    if (session.dht.routingTable.size === 0) {
      const result = await contactAll(session, interrupt)
      // Nobody to contact: the only bootstrap address is our own.
      if (interrupt.aborted || result.of === 0) return
      await tell('bootstrap', result, bootstrapLine(result, waitMs))
      if (result.reached > 0) waitMs = RETRY_MIN_MS
    }
    if (!(await pause(waitMs, interrupt))) return
    waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)
  }
}

function bootstrapLine(
  { reached, of, reason }: { reached: number; of: number; reason?: string },
  waitMs: number,
): string {
  if (reached > 0) return `joined    ${reached} of ${counted(of, 'bootstrap peer')}`
  return `bootstrap none of ${counted(of, 'peer')} (${reason}); again in ${waitMs / 1000} s`
}

async function tellStatus(tell: Tell, session: Session, interrupt: AbortSignal): Promise<void> {
  let shown = ''
  let waitMs = STATUS_FIRST_MS
  while (await pause(waitMs, interrupt)) {
    waitMs = STATUS_MS
    const table = session.dht.routingTable.size
    const connections = session.node.getConnections().length
    const line = `status    ${counted(table, 'peer')} in the table, ${counted(connections, 'connection')}`
    // People see it when it changed; programs get their beat.
    await tell('status', { table, connections }, line === shown ? undefined : line)
    shown = line
  }
}

/** Waits; false when the user interrupted. */
async function pause(durationMs: number, interrupt: AbortSignal): Promise<boolean> {
  try {
    await sleep(durationMs, undefined, { signal: interrupt, ref: false })
    return true
  } catch {
    return false
  }
}
