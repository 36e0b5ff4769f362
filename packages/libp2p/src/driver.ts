/**
 * Runs one core node for real: hands it what happens and carries out what it asks for. It keeps the one
 * timer and the one clock; requests, dials, validation and storage are done by others, whose answers come
 * back as inputs. Nothing here decides anything about the DHT.
 */

import type { OperationEvent } from '@kadmium/core'
import {
  type Input,
  type Message,
  type Nodes,
  Outbox,
  type Output,
  type PeerRef,
} from '@kadmium/core'

/** What the driver has done for it, one method for each kind of output that leaves the process's memory. */
export interface Effects {
  send: (output: Extract<Output, { kind: 'send' }>) => void
  cancelRequest: (request: number, expired: boolean) => void
  respond: (exchange: number, message: Message) => void
  /** No answer: `refused` resets the stream, otherwise there just is none. */
  conclude: (exchange: number, refused: boolean) => void
  dial: (peer: PeerRef, timeoutMs: number) => void
  pickKey: (bits: number) => void
  validate: (output: Extract<Output, { kind: 'validate' }>) => void
  persistRecord: (output: Extract<Output, { kind: 'persistRecord' }>) => void
  persistProvider: (output: Extract<Output, { kind: 'persistProvider' }>) => void
  event: (event: OperationEvent) => void
  forget: (peer: PeerRef) => void
}

/** The wall clock, made monotonic, and one timer. */
export interface DriverClock {
  /** Milliseconds since 1970, never running backwards. */
  now: () => number
  setTimer: (delayMs: number, run: () => void) => { clear: () => void }
}

/** A timer can't be set further ahead than this (2^31 - 1 ms in all runtimes); it is set anew then. */
const TIMER_MAX_MS = 2 ** 31 - 1

export class Driver {
  private readonly nodes: Nodes
  private readonly clock: DriverClock
  private readonly effects: Effects
  private readonly outbox = new Outbox()
  private readonly inputs: Input[] = [] // BOUNDED: by the outputs of one step that are answered at once
  private running = false
  private timer: { clear: () => void } | null = null
  private timerAtMs = Number.POSITIVE_INFINITY

  constructor(nodes: Nodes, clock: DriverClock, effects: Effects) {
    this.nodes = nodes
    this.clock = clock
    this.effects = effects
  }

  /** Hands an input to the node. Inputs that arise while one is handled wait for their turn. */
  dispatch(input: Input): void {
    this.inputs.push(input)
    if (this.running) return
    this.running = true
    try {
      for (let next = this.inputs.shift(); next !== undefined; next = this.inputs.shift()) {
        this.outbox.clear()
        this.nodes.handle(0, this.clock.now(), next, this.outbox)
        for (let i = 0; i < this.outbox.count; i++) this.perform(this.outbox.at(i))
      }
    } finally {
      this.running = false
    }
    this.schedule()
  }

  /** No timer outlives the node's host. */
  close(): void {
    this.timer?.clear()
    this.timer = null
    this.timerAtMs = Number.POSITIVE_INFINITY
  }

  private perform(output: Output): void {
    const { effects } = this
    switch (output.kind) {
      case 'send':
        effects.send(output)
        break
      case 'cancelRequest':
        effects.cancelRequest(output.request, output.expired)
        break
      case 'respond':
        effects.respond(output.exchange, output.message)
        break
      case 'refuse':
        effects.conclude(output.exchange, true)
        break
      case 'accept':
        effects.conclude(output.exchange, false)
        break
      case 'dial':
        effects.dial(output.peer, output.timeoutMs)
        break
      case 'pickKey':
        effects.pickKey(output.bits)
        break
      case 'validate':
        effects.validate(output)
        break
      case 'persistRecord':
        effects.persistRecord(output)
        break
      case 'persistProvider':
        effects.persistProvider(output)
        break
      case 'forget':
        effects.forget(output.peer)
        break
      default:
        effects.event(output)
    }
  }

  /** Sets the timer for the node's next deadline, unless it stands early enough already. */
  private schedule(): void {
    const deadlineMs = this.nodes.deadline(0)
    if (deadlineMs === this.timerAtMs) return
    // A timer that fires early costs one empty wake; setting it anew for each input would cost more.
    if (this.timer !== null && this.timerAtMs <= deadlineMs) return
    this.close()
    if (deadlineMs === Number.POSITIVE_INFINITY) return
    const delayMs = Math.min(Math.max(0, Math.ceil(deadlineMs - this.clock.now())), TIMER_MAX_MS)
    this.timerAtMs = deadlineMs
    this.timer = this.clock.setTimer(delayMs, () => {
      this.timer = null
      this.timerAtMs = Number.POSITIVE_INFINITY
      this.dispatch({ kind: 'wake' })
    })
  }
}
