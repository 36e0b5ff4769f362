/** Where things stand: a YAML file as plain data, with the line of each key, and what a command line lays over it. */

import type { Document, Node, YAMLMap } from 'yaml'
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'

export type Path = readonly (string | number)[]

/** What is wrong with a scenario, and where. */
export interface Fault {
  /** `nat-80.yaml:12:5`, or `--set`. */
  where: string
  /** `world.link.loss`; empty where it concerns no key. */
  key: string
  /** What was found and what was expected. */
  text: string
}

/** Everything that is wrong with a scenario. */
export class ScenarioError extends Error {
  /** `ScenarioError`. */
  override readonly name: string = 'ScenarioError'
  /** One for each. */
  readonly faults: readonly Fault[]

  constructor(scenario: string, faults: readonly Fault[]) {
    const lines = faults.map(
      ({ where, key, text }) => `  ${where}: ${key === '' ? '' : `${key}: `}${text}`,
    )
    const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
    super([`scenario ${scenario} has ${count}:`, ...lines].join('\n'))
    this.faults = faults
  }
}

/** How deep an alias may lead to an alias. */
const ALIASES_MAX = 16

/** One file. */
export class YamlSource {
  readonly file: string
  readonly faults: Fault[]
  readonly #document: Document.Parsed
  readonly #lines = new LineCounter()

  constructor(file: string, text: string) {
    this.file = file
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false })
    this.faults = [...this.#document.errors, ...this.#document.warnings].map((error) => ({
      where: this.#place(error.pos[0]),
      key: '',
      text: `no good YAML: ${error.message}`,
    }))
  }

  /** The file as plain data; null for an empty one. */
  get data(): unknown {
    return this.#document.toJS({ maxAliasCount: 100 })
  }

  /** How many steps of the path the file has, and where the last of them stands: the key itself, or the value of it. */
  find(path: Path, at: 'key' | 'value'): { depth: number; where: string } {
    let node = this.#resolve(this.#document.contents)
    let offset = node?.range?.[0] ?? 0
    let depth = 0
    for (const step of path) {
      const next = this.#step(node, step)
      if (next === undefined) break
      node = this.#resolve(next.value)
      offset = (at === 'key' ? next.offset : node?.range?.[0]) ?? next.offset
      depth++
    }
    return { depth, where: this.#place(offset) }
  }

  #step(node: Node | null, step: string | number): { value: unknown; offset: number } | undefined {
    if (isSeq(node) && typeof step === 'number') {
      const item = node.items[step]
      if (item === undefined) return undefined
      return { value: item, offset: (item as Node).range?.[0] ?? 0 }
    }
    if (!isMap(node)) return undefined
    const pair = (node as YAMLMap).items.find(
      ({ key }) => isScalar(key) && String(key.value) === String(step),
    )
    if (!isPair(pair) || !isScalar(pair.key)) return undefined
    return { value: pair.value, offset: pair.key.range?.[0] ?? 0 }
  }

  #resolve(value: unknown): Node | null {
    let node = value as Node | null | undefined
    for (let i = 0; i < ALIASES_MAX && isAlias(node); i++) node = node.resolve(this.#document)
    return node ?? null
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.file}:${line}:${col}`
  }
}

/** A value that a command line sets. */
export interface Setting {
  /** As it was written, such as `--set world.link.loss=0.02`. */
  where: string
  path: Path
  value: unknown
}

/** All that a scenario is made of: the file, what it extends, and settings of the command line; the last word first. */
export class Sources {
  readonly files: readonly YamlSource[]
  readonly settings: readonly Setting[]

  constructor(files: readonly YamlSource[], settings: readonly Setting[]) {
    this.files = files
    this.settings = settings
  }

  /** Where a key stands; the nearest place that there is, for one that is missing. */
  where(path: Path, at: 'key' | 'value' = 'value'): string {
    const setting = this.settings.findLast(
      (each) => isWithin(path, each.path) || isWithin(each.path, path),
    )
    if (setting !== undefined) return setting.where
    const found = this.files.map((file) => file.find(path, at))
    const deepest = Math.max(...found.map(({ depth }) => depth))
    return found.find(({ depth }) => depth === deepest)?.where ?? ''
  }
}

function isWithin(path: Path, outer: Path): boolean {
  return outer.length <= path.length && outer.every((step, i) => step === path[i])
}

/** A map of keys and values, as YAML has it. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Maps whose keys are weights: they are replaced as a whole. */
const REPLACED = new Set(['mix', 'options'])

/** `upper` laid over `lower`: maps key by key, all else replaced. */
export function overlay(lower: unknown, upper: unknown): unknown {
  if (!isRecord(lower) || !isRecord(upper)) return upper
  const result: Record<string, unknown> = { ...lower }
  for (const [key, value] of Object.entries(upper))
    result[key] = key in lower && !REPLACED.has(key) ? overlay(lower[key], value) : value
  return result
}
