/** The inputs that nodes hear most often, made once and filled anew each time: nodes borrow them. */
import type { Input, Message } from '@kadmium/core'

type Of<Kind extends Input['kind']> = Extract<Input, { kind: Kind }>

export class Inputs {
  readonly arrived: Of<'requestArrived'>
  readonly answered: Of<'answerArrived'>
  readonly linked: Of<'linkChanged'> = {
    kind: 'linkChanged',
    peer: 0,
    link: 'cold',
    dialled: false,
    ipGroup: 0,
  }
  readonly spoken: Of<'protocolChanged'> = { kind: 'protocolChanged', peer: 0, speaks: true }

  /** All messages are read into this one. */
  constructor(message: Message) {
    this.arrived = { kind: 'requestArrived', exchange: 0, from: 0, message }
    this.answered = { kind: 'answerArrived', request: 0, message, rttMs: 0 }
  }
}
