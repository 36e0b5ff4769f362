/**
 * Carries requests and answers between the nodes of a world, as a host does over streams. Messages on
 * their way name nodes by number; whoever reads one reads refs of his own book.
 */
import { type Input, Message, type MessageType, type Output } from '@kadmium/core'
import type { Names } from './names.ts'
import type { Outgoing, Seat } from './seats.ts'
import type { Timeline } from './timeline.ts'
import type { Wires } from './wires.ts'

export interface PostInit {
  timeline: Timeline
  wires: Wires
  seat: (node: number) => Seat
  delayMs: (a: number, b: number) => number
  give: (node: number, input: Input) => void
}

export class Post {
  /** Requests sent so far, by type. */
  readonly sent: Record<MessageType, number> = {
    putValue: 0,
    getValue: 0,
    addProvider: 0,
    getProviders: 0,
    findNode: 0,
    ping: 0,
  }
  private readonly init: PostInit
  private readonly spare: Message[] = [] // BOUNDED: by the most messages ever on their way at once
  /** Where an answer goes, by exchange. BOUNDED: by the requests that are with their receivers */
  private readonly exchanges = new Map<number, { from: Seat; request: number }>()
  private sequence = 0

  constructor(init: PostInit) {
    this.init = init
  }

  /** A node sends a request. */
  send(seat: Seat, output: Extract<Output, { kind: 'send' }>, to: number): void {
    const { request, message, dialTimeoutMs } = output // which is gone with the step
    const { wires, timeline } = this.init
    this.sent[message.type]++
    const outgoing = { to, message: this.outward(message, seat.names), leftMs: 0 }
    seat.requests.set(request, outgoing)
    // A step is carried out before the next begins: what comes of a request comes later.
    timeline.later(0, () =>
      wires.reach(seat.index, to, dialTimeoutMs, (ok) => {
        if (!ok) this.fail(seat, request, 'dial')
        else if (seat.requests.get(request) === outgoing) this.leave(seat, request, outgoing)
      }),
    )
  }

  /** A node answers; `message` null: ADD_PROVIDER, which its host acknowledges. */
  answer(seat: Seat, exchange: number, message: Message | null): void {
    const { from, request } = this.end(exchange)
    const onWay = message === null ? null : this.outward(message, seat.names)
    this.init.timeline.later(this.init.delayMs(seat.index, from.index), () => {
      const outgoing = from.requests.get(request)
      const isAwaited = outgoing !== undefined && from.alive
      if (!isAwaited || !this.init.wires.isOpen(from.index, seat.index)) return
      from.requests.delete(request)
      const answer =
        onWay === null ? this.blank().clear('addProvider') : this.inward(onWay, from.names)
      const rttMs = onWay === null ? -1 : this.init.timeline.nowMs - outgoing.leftMs
      this.init.give(from.index, { kind: 'answerArrived', request, message: answer, rttMs })
      this.spare.push(answer)
    })
  }

  /** A node resets the stream that a request came on. */
  refuse(seat: Seat, exchange: number): void {
    const { from, request } = this.end(exchange)
    this.init.timeline.later(this.init.delayMs(seat.index, from.index), () => {
      this.init.wires.breakStream(from.index, seat.index)
      this.fail(from, request, 'reset')
    })
  }

  /** A node gives a request up. */
  cancel(seat: Seat, request: number, expired: boolean): void {
    const outgoing = seat.requests.get(request)
    if (outgoing === undefined) return // it ended while the node was dead
    seat.requests.delete(request)
    const { timeline, wires } = this.init
    if (expired) timeline.later(0, () => wires.breakStream(seat.index, outgoing.to))
  }

  /** A connection is gone, and with it what was on its way over it. */
  failAll(seat: Seat, to: number): void {
    for (const [request, outgoing] of seat.requests)
      if (outgoing.to === to) this.fail(seat, request, 'reset')
  }

  private leave(seat: Seat, request: number, outgoing: Outgoing): void {
    const { index: from } = seat
    const { to } = outgoing
    const { timeline, wires } = this.init
    outgoing.leftMs = timeline.nowMs
    timeline.later(this.init.delayMs(from, to), () => {
      const receiver = this.init.seat(to)
      if (!wires.isOpen(from, to) || !receiver.alive) return
      const exchange = ++this.sequence
      this.exchanges.set(exchange, { from: seat, request })
      const message = this.inward(outgoing.message, receiver.names)
      const sender = receiver.names.refOf(from)
      this.init.give(to, { kind: 'requestArrived', exchange, from: sender, message })
      this.spare.push(message)
    })
  }

  private fail(seat: Seat, request: number, reason: 'dial' | 'reset'): void {
    if (seat.requests.delete(request))
      this.init.give(seat.index, { kind: 'requestFailed', request, reason })
  }

  private end(exchange: number): { from: Seat; request: number } {
    const back = this.exchanges.get(exchange)
    if (back === undefined) throw new Error('an answer to nothing')
    this.exchanges.delete(exchange)
    return back
  }

  private outward(from: Message, names: Names): Message {
    const message = this.blank().copy(from)
    for (let i = 0; i < message.closerCount; i++)
      message.closer[i] = numberOf(message.closer[i] as number, names)
    for (let i = 0; i < message.providerCount; i++)
      message.providers[i] = numberOf(message.providers[i] as number, names)
    return message
  }

  private inward(message: Message, names: Names): Message {
    for (let i = 0; i < message.closerCount; i++)
      message.closer[i] = names.refOf(message.closer[i] as number)
    for (let i = 0; i < message.providerCount; i++)
      message.providers[i] = names.refOf(message.providers[i] as number)
    return message
  }

  private blank(): Message {
    return this.spare.pop() ?? new Message()
  }
}

function numberOf(ref: number, names: Names): number {
  const index = names.indexOf(ref)
  if (index < 0) throw new Error('a message names somebody unknown')
  return index
}
