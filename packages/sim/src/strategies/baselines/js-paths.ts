/** The disjoint paths of one lookup of js: what each has queued and under way, and how far its own responders reach. */
export class JsPaths {
  private readonly alpha: number
  private readonly k: number
  private readonly queued: Int32Array
  private readonly running: Int32Array
  private readonly responders: Int32Array
  /** Distances of each path's nearest responders, nearest first. */
  private readonly distances: Float64Array
  private atWork = 0

  constructor(paths: number, alpha: number, k: number) {
    this.alpha = alpha
    this.k = k
    this.queued = new Int32Array(paths)
    this.running = new Int32Array(paths)
    this.responders = new Int32Array(paths)
    this.distances = new Float64Array(paths * k)
  }

  begin(): void {
    this.queued.fill(0)
    this.running.fill(0)
    this.responders.fill(0)
    this.atWork = 0
  }

  /** Nothing is queued or under way on any path: none of them queues for another. */
  get isIdle(): boolean {
    return this.atWork === 0
  }

  mayStart(path: number): boolean {
    return (this.queued[path] as number) > 0 && (this.running[path] as number) < this.alpha
  }

  queue(path: number): void {
    this.queued[path] = (this.queued[path] as number) + 1
  }

  start(path: number): void {
    this.queued[path] = (this.queued[path] as number) - 1
    this.running[path] = (this.running[path] as number) + 1
    this.atWork++
  }

  ended(path: number): void {
    this.running[path] = (this.running[path] as number) - 1
    this.atWork--
  }

  /** Whether a peer at that distance could enter the path's own list of responders. */
  wants(path: number, distance: number): boolean {
    if ((this.responders[path] as number) < this.k) return true
    return distance < (this.distances[path * this.k + this.k - 1] as number)
  }

  answered(path: number, distance: number): void {
    if (!this.wants(path, distance)) return
    const begin = path * this.k
    let at = Math.min(this.responders[path] as number, this.k - 1)
    this.responders[path] = at + 1
    for (; at > 0 && (this.distances[begin + at - 1] as number) > distance; at--) {
      this.distances[begin + at] = this.distances[begin + at - 1] as number
    }
    this.distances[begin + at] = distance
  }
}
