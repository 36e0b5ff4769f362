/**
 * The work of the demo on one formed network: put and get of `/pk` records, provide and find-providers,
 * find-peer, ipns (a new version published, resolved elsewhere) and a bulk of CIDs. Writers change round-robin
 * over a seeded shuffle of the live nodes; a reader is the next of them whose own store lacks the record.
 */
import type { CID } from 'multiformats/cid'
import { dhtKey } from '../distance.ts'
import { floorMs, holdersSeenFrom } from '../floor.ts'
import type { Network, TestNode } from '../network.ts'
import { eachLimited } from '../pool.ts'
import { SeededChoice } from '../random.ts'
import type { Kind, OperationFigures, WorkFigures } from './figures.ts'
import { holdersAmong, holdsProvider, holdsValue } from './holders.ts'
import type { OperationLimits, Outcome } from './operations.ts'
import * as operations from './operations.ts'
import type { IpnsName, ValueRecord } from './records.ts'
import { ipnsName, ipnsVersion, publicKeyRecord, randomCid } from './records.ts'
import { type KindRun, runKind } from './run-kind.ts'
import { bulkFigures, checkHolders, operationFigures, type Stored } from './tally.ts'

/** First versions published at the same time, before anything is measured. */
const PREPARE_CONCURRENCY = 5

const READS: readonly (Kind | 'bulk')[] = ['get', 'findProviders', 'findPeer']

/** How long the background of a kind is waited for, at most. */
const SETTLE_MAX_MS = { read: 3_000, write: 6_000 }

export interface WorkloadOptions {
  /** Puts, provides and ipns operations. */
  writes: number
  /** Reads of each kind. */
  reads: number
  bulkKeys: number
  /** Operations of a kind at the same time, from different nodes; for a bulk, provides from one node. */
  overlap: (kind: Kind | 'bulk') => number
  /** No operation of a kind starts after so long, except the first `atLeast`. */
  budgetMs: (kind: Kind | 'bulk') => number
  atLeast: number
  operationTimeoutMs: number
  /** CPU of the idle network, in ms per second. */
  idleCpuMsPerSecond: number
  /** Ends the work; what is done by then counts. */
  signal: AbortSignal
  onProgress?: (kind: Kind | 'bulk', done: number, planned: number) => void
}

interface ValueTask extends Stored {
  readonly record: ValueRecord
}

interface ProviderTask extends Stored {
  readonly cid: CID
}

/** A read with the floor it started over. */
export interface ReadOutcome extends Outcome {
  readonly floorMs?: number
}

/** An ipns operation with its two halves. */
export interface IpnsOutcome extends Outcome {
  readonly publishMs: number
  readonly resolveMs?: number
}

export class Workload {
  private readonly network: Network
  private readonly options: WorkloadOptions
  private readonly choose: SeededChoice
  /** The live nodes in the order in which they take turns. */
  private readonly live: TestNode[]
  private turn = 0
  /** Names whose first version is published. Bounded by `writes`. */
  private names: IpnsName[] = []

  /** `live` are the nodes that will stay reachable. */
  constructor(network: Network, live: readonly TestNode[], options: WorkloadOptions) {
    this.network = network
    this.options = options
    this.choose = new SeededChoice(network.seed, 3)
    this.live = this.choose.shuffled(live)
  }

  /** Publishes the first versions of the names, which the work replaces by second ones. Not measured. */
  async prepare(): Promise<void> {
    this.names = await this.make(this.options.writes, () => ipnsName(this.choose))
    await eachLimited(this.names, PREPARE_CONCURRENCY, async (name) => {
      await operations.put(this.next().dht, await ipnsVersion(name, 1), this.limits())
    })
  }

  /** All kinds one after the other. */
  async run(): Promise<WorkFigures> {
    const records = await this.make(this.options.writes, () => this.valueTask())
    const provided = await this.make(this.options.writes, () => this.providerTask(this.next()))
    const { put, stored } = await this.put(records)
    const get = await this.get(stored)
    const provide = await this.provide(provided)
    return {
      put,
      get,
      provide: provide.figures,
      findProviders: await this.findProviders(provide.stored),
      findPeer: await this.findPeer(),
      ipns: await this.ipns(),
      bulk: await this.bulk(),
    }
  }

  private async put(
    tasks: readonly ValueTask[],
  ): Promise<{ put: OperationFigures; stored: ValueTask[] }> {
    const run = await this.measure('put', tasks, ({ writer, record }) =>
      operations.put(writer.dht, record, this.limits()),
    )
    const checked = await checkHolders(run, this.live)
    return { put: operationFigures(checked.run, checked.holdersP50), stored: checked.stored }
  }

  private async provide(
    tasks: readonly ProviderTask[],
  ): Promise<{ figures: OperationFigures; stored: ProviderTask[] }> {
    const run = await this.measure('provide', tasks, ({ writer, cid }) =>
      operations.provide(writer.dht, cid, this.limits()),
    )
    const checked = await checkHolders(run, this.live)
    return { figures: operationFigures(checked.run, checked.holdersP50), stored: checked.stored }
  }

  private async get(stored: readonly ValueTask[]): Promise<OperationFigures> {
    return this.read('get', stored, (reader, { record }) =>
      operations.get(reader.dht, record, this.limits()),
    )
  }

  private async findProviders(stored: readonly ProviderTask[]): Promise<OperationFigures> {
    return this.read('findProviders', stored, (reader, { cid, writer }) =>
      operations.findProvider(reader.dht, cid, writer.peerId, this.limits()),
    )
  }

  /** Reads of what was stored, in turn, each from a node that does not hold it, over the floor of that moment. */
  private async read<T extends Stored>(
    kind: Kind,
    stored: readonly T[],
    ask: (reader: TestNode, thing: T) => Promise<Outcome>,
  ): Promise<OperationFigures> {
    const tasks = stored.length === 0 ? [] : this.indexes(this.options.reads)
    const run = await this.measure(kind, tasks, async (index): Promise<ReadOutcome | undefined> => {
      const found = await this.readerFrom(stored, index)
      if (found === undefined) return undefined
      const { reader, thing } = found
      const holders = await holdersAmong(this.live, thing.held)
      const floor = floorMs(holdersSeenFrom(this.network, reader, holders))
      return { ...(await ask(reader, thing)), floorMs: floor }
    })
    const none = { floorRatioP50: null, floorRatioRawP50: null }
    return { ...none, ...operationFigures(run), planned: this.options.reads }
  }

  private async findPeer(): Promise<OperationFigures> {
    const run = await this.measure('findPeer', this.indexes(this.options.reads), () => {
      const reader = this.next()
      const others = this.live.filter((node) => node !== reader)
      const sought = others[this.choose.below(others.length)] as TestNode
      return operations.findPeer(reader.dht, sought.peerId, this.limits())
    })
    return operationFigures(run)
  }

  private async ipns(): Promise<OperationFigures> {
    const run = await this.measure('ipns', this.names, async (name): Promise<IpnsOutcome> => {
      const record = await ipnsVersion(name, 2)
      const published = await operations.put(this.next().dht, record, this.limits())
      const publishMs = published.ms
      if (!published.ok) return { ...published, publishMs }
      const reader = await this.readerOf((node) => holdsValue(node, name.key))
      if (reader === undefined) {
        return { ok: false, ms: publishMs, publishMs, error: 'every node holds the record' }
      }
      const resolved = await operations.get(reader.dht, record, this.limits())
      return { ...resolved, ms: publishMs + resolved.ms, publishMs, resolveMs: resolved.ms }
    })
    return operationFigures(run)
  }

  private async bulk(): Promise<WorkFigures['bulk']> {
    const provider = this.next()
    const tasks = await this.make(this.options.bulkKeys, () => this.providerTask(provider))
    const run = await this.measure('bulk', tasks, ({ cid }) =>
      operations.provide(provider.dht, cid, this.limits()),
    )
    const checked = await checkHolders(run, this.live)
    return bulkFigures(checked.run, checked.holdersP50)
  }

  private measure<T, R extends Outcome>(
    kind: Kind | 'bulk',
    tasks: readonly T[],
    run: (task: T) => Promise<R | undefined>,
  ): Promise<KindRun<T, R>> {
    const { options } = this
    options.onProgress?.(kind, 0, tasks.length)
    return runKind(this.network, tasks, run, {
      overlap: options.overlap(kind),
      budgetMs: options.budgetMs(kind),
      atLeast: options.atLeast,
      settleMaxMs: READS.includes(kind) ? SETTLE_MAX_MS.read : SETTLE_MAX_MS.write,
      signal: options.signal,
      idleCpuMsPerSecond: options.idleCpuMsPerSecond,
      onDone: (done) => options.onProgress?.(kind, done, tasks.length),
    })
  }

  private async valueTask(): Promise<ValueTask> {
    const record = await publicKeyRecord(this.choose)
    return {
      record,
      writer: this.next(),
      key: await dhtKey(record.key),
      held: (node) => holdsValue(node, record.key),
    }
  }

  private async providerTask(writer: TestNode): Promise<ProviderTask> {
    const cid = await randomCid(this.choose)
    return {
      cid,
      writer,
      key: await dhtKey(cid.multihash.bytes),
      held: (node) => holdsProvider(node, cid, writer.peerId),
    }
  }

  /** A stored thing, from an index on, that some live node lacks, and the next such node. */
  private async readerFrom<T extends Stored>(
    stored: readonly T[],
    index: number,
  ): Promise<{ reader: TestNode; thing: T } | undefined> {
    for (let i = 0; i < stored.length; i++) {
      const thing = stored[(index + i) % stored.length] as T
      const reader = await this.readerOf(thing.held)
      if (reader !== undefined) return { reader, thing }
    }
    return undefined
  }

  private async readerOf(
    held: (node: TestNode) => Promise<boolean>,
  ): Promise<TestNode | undefined> {
    for (let i = 0; i < this.live.length; i++) {
      const node = this.next()
      if (!(await held(node))) return node
    }
    return undefined
  }

  private next(): TestNode {
    return this.live[this.turn++ % this.live.length] as TestNode
  }

  private limits(): OperationLimits {
    return { timeoutMs: this.options.operationTimeoutMs, signal: this.options.signal }
  }

  private indexes(count: number): number[] {
    return Array.from({ length: count }, (_, index) => index)
  }

  /** One after the other, since each draws from the same dice. */
  private async make<T>(count: number, one: () => Promise<T>): Promise<T[]> {
    const made: T[] = []
    for (let i = 0; i < count; i++) made.push(await one())
    return made
  }
}
