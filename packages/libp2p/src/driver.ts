/**
 * Runs one core node for real: hands it what happens and carries out what it asks for. It keeps the one
 * timer and the one clock; requests, dials, validation and storage are done by others, whose answers come
 * back as inputs. Nothing here decides anything about the DHT.
 */

import {
  type Input,
  type Message,
  type Nodes,
  type OperationEvent,
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
  /** A walk of the node's own is over. */
  walkEnded: (keyBytes: Uint8Array, peers: number) => void
  validate: (output: Extract<Output, { kind: 'validate' }>) => void
  persistRecord: (output: Extract<Output, { kind: 'persistRecord' }>) => void
  persistProvider: (output: Extract<Output, { kind: 'persistProvider' }>) => void
  event: (event: OperationEvent) => void
  forget: (peer: PeerRef) => void
  /** All that came of the inputs at hand is done. */
  settled: () => void
  /** One of these threw, which none should; what was asked for beside it is done all the same. */
  failed: (error: unknown) => void
}

/** The wall clock, made steady, and timers. */
export interface DriverClock {
  /** Milliseconds since 1970, never running backwards. */
  now: () => number
  /** Runs `run` once after the delay, or after 2^31 - 1 ms (25 days) if that is less. */
  setTimer: (delayMs: number, run: () => void) => { clear: () => void }
}

/**
 * Something for the node to hear, or how to come by it (null: nothing after all). The second is for
 * whoever interns peers: it is called when the input's turn has come, since what nothing holds yet
 * does not outlive the turn of another.
 */
export type Arrival = Input | (() => Input | null)

export class Driver {
  private readonly nodes: Pick<Nodes, 'handle' | 'deadline'>
  private readonly clock: DriverClock
  private readonly effects: Effects
  private readonly outbox = new Outbox()
  private readonly arrivals: Arrival[] = [] // BOUNDED: by what the effects of one step answer at once
  private busy = false
  private started = false
  private timer: { clear: () => void } | null = null
  private timerAtMs = Number.POSITIVE_INFINITY

  constructor(nodes: Pick<Nodes, 'handle' | 'deadline'>, clock: DriverClock, effects: Effects) {
    this.nodes = nodes
    this.clock = clock
    this.effects = effects
  }

  /** From now on the node is woken at its deadlines. */
  start(): void {
    this.started = true
    this.schedule()
  }

  /** Sleeps: no timer is left and none is set, but inputs are still handled. */
  stop(): void {
    this.started = false
    this.clearTimer()
  }

  /** Hands an input to the node. What arrives while one is handled waits for its turn. */
  dispatch(arrival: Arrival): void {
    this.arrivals.push(arrival)
    if (this.busy) return
    this.busy = true
    try {
      for (let next = this.arrivals.shift(); next !== undefined; next = this.arrivals.shift()) {
        const input = typeof next === 'function' ? next() : next
        if (input !== null) this.step(input)
      }
    } finally {
      this.busy = false
      this.schedule()
      this.effects.settled()
    }
  }

  private step(input: Input): void {
    const { outbox, effects } = this
    outbox.clear()
    this.nodes.handle(0, this.clock.now(), input, outbox)
    for (let i = 0; i < outbox.count; i++) {
      try {
        this.perform(outbox.at(i))
      } catch (error) {
        effects.failed(error)
      }
    }
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
      case 'walkEnded':
        effects.walkEnded(output.keyBytes, output.peers)
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
    if (!this.started) return
    const deadlineMs = this.nodes.deadline(0)
    // A timer that fires early costs one empty wake; setting it anew for each input would cost more.
    if (deadlineMs >= this.timerAtMs) return
    this.clearTimer()
    const delayMs = Math.max(0, Math.ceil(deadlineMs - this.clock.now()))
    this.timerAtMs = deadlineMs
    this.timer = this.clock.setTimer(delayMs, () => {
      this.timer = null
      this.timerAtMs = Number.POSITIVE_INFINITY
      this.dispatch({ kind: 'wake' })
    })
  }

  private clearTimer(): void {
    this.timer?.clear()
    this.timer = null
    this.timerAtMs = Number.POSITIVE_INFINITY
  }
}
