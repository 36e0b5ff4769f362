/** A stream of the DHT's protocol in the hands of a test: any bytes out, frames in. */
import type { Stream } from '@libp2p/interface'
import {
  frame,
  type RawMessage,
  type ReadMessage,
  readMessage,
  unframe,
  writeMessage,
} from './wire.ts'

/** A node that has not answered after this never will. */
const ANSWER_TIMEOUT_MS = 15_000

export class RawStream {
  readonly stream: Stream
  private unread: Uint8Array = new Uint8Array(0)
  private readonly frames: Uint8Array[] = []
  private ended = false
  private wake: (() => void) | null = null

  constructor(stream: Stream) {
    this.stream = stream
    stream.addEventListener('message', (event) => {
      const chunk = event.data instanceof Uint8Array ? event.data : event.data.subarray()
      const { frames, taken } = unframe(Buffer.concat([this.unread, chunk]))
      this.unread = Buffer.concat([this.unread, chunk]).subarray(taken)
      this.frames.push(...frames)
      this.wake?.()
    })
    const end = (): void => {
      this.ended = true
      this.wake?.()
    }
    stream.addEventListener('remoteCloseWrite', end)
    stream.addEventListener('close', end)
  }

  /** Whether the other side ended the stream, or reset it. */
  get isEnded(): boolean {
    return this.ended
  }

  /** Whether the other side reset it: it refused what it got. */
  get isReset(): boolean {
    return this.stream.status === 'reset'
  }

  /** Writes bytes as they are; false when the stream takes nothing any more. */
  write(bytes: Uint8Array): boolean {
    if (this.stream.status !== 'open' || this.stream.writeStatus !== 'writable') return false
    this.stream.send(bytes)
    return true
  }

  /** Writes a message with its length before it. */
  send(message: RawMessage): boolean {
    return this.write(frame(writeMessage(message)))
  }

  /** The next answer, or null when the stream ended without one. */
  next(): Promise<Uint8Array | null> {
    return this.take(AbortSignal.timeout(ANSWER_TIMEOUT_MS))
  }

  /** The next request, whenever it comes, or null when no more will. */
  nextRequest(): Promise<Uint8Array | null> {
    return this.take()
  }

  /** The answer to a request; null when the stream ended in place of one. */
  async ask(message: RawMessage): Promise<ReadMessage | null> {
    if (!this.send(message)) return null
    const answer = await this.next()
    return answer === null ? null : readMessage(answer)
  }

  private async take(signal?: AbortSignal): Promise<Uint8Array | null> {
    while (this.frames.length === 0 && !this.ended) {
      await new Promise<void>((resolve, reject) => {
        this.wake = resolve
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    }
    this.wake = null
    return this.frames.shift() ?? null
  }
}
