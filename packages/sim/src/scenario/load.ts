/** Finds, reads and checks scenarios. A file says what differs from the defaults; whatever is wrong with it is told at once. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { STRATEGIES } from '../strategies/index.ts'
import type { Strategy } from '../strategies/strategy.ts'
import { figuresOf, parseClaim } from './assertions.ts'
import { checkParts, checkWhole } from './checks.ts'
import { faultsOf, suggestion } from './faults.ts'
import type { Scenario } from './scenario.ts'
import { SCENARIO_FILE, type ScenarioFile, WORKLOAD } from './schema.ts'
import { applySetting, type Given, nameOf, parseSetting } from './settings.ts'
import {
  type Fault,
  isRecord,
  overlay,
  ScenarioError,
  type Setting,
  Sources,
  YamlSource,
} from './source.ts'

/** Where the scenarios lie that come with the package. */
const SHIPPED: string = fileURLToPath(new URL('../../scenarios/', import.meta.url))

/** Files along `extends` at most. */
const EXTENDS_MAX = 8

/** A scenario that can be run by its name. */
export interface ScenarioInfo {
  /** The file's name without its ending. */
  name: string
  /** One line; what is wrong, for a file that can't be read. */
  description: string
  /** Path of the file. */
  file: string
}

/** What a command line says of a scenario. */
export interface LoadOptions {
  /** Folders with scenarios of one's own, which come before those of the package. */
  folders?: readonly string[]
  /** Settings such as `world.link.loss=0.02`, in order; the value is YAML. */
  set?: readonly string[]
  /** Nodes instead of the scenario's. */
  nodes?: number
  /** Seed instead of the scenario's, 0 to 2^32 - 1. */
  seed?: number
  /** Worker threads instead of the scenario's. */
  threads?: number
  /** Only these strategies, by label or name; those that the scenario does not have run with their defaults. Assertions about others are left out. */
  strategies?: readonly string[]
  /** Nodes to trace instead of the scenario's. */
  trace?: readonly number[]
  /** The strategies that there are. Default `STRATEGIES`. */
  registry?: readonly Strategy[]
}

/** All scenarios of the given folders and of the package, by name; of two with one name the first. */
export async function listScenarios(folders: readonly string[] = []): Promise<ScenarioInfo[]> {
  const found = new Map<string, ScenarioInfo>()
  for (const folder of [...folders, SHIPPED])
    for (const file of await scenarioFiles(folder)) {
      const name = nameOfFile(file)
      if (!found.has(name)) found.set(name, { name, description: await describe(file), file })
    }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function scenarioFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  return names
    .filter((name) => isYaml(name))
    .sort()
    .map((name) => join(folder, name))
}

async function describe(file: string): Promise<string> {
  const { data, faults } = new YamlSource(basename(file), await readFile(file, 'utf8'))
  if (faults[0] !== undefined) return `${faults[0].where}: ${faults[0].text}`
  return isRecord(data) && typeof data.description === 'string'
    ? data.description
    : 'no description'
}

/**
 * Reads a scenario by name, or from a file by its path. Rejects with a `ScenarioError` that tells all that is wrong, each
 * with file, line, key, what was found and what was expected.
 */
export async function loadScenario(
  nameOrPath: string,
  options: LoadOptions = {},
): Promise<Scenario> {
  const { registry = STRATEGIES } = options
  const file = await findScenario(nameOrPath, options.folders ?? [])
  const name = nameOfFile(file)
  const files = await readChain(name, file, options.folders ?? [])
  const base = layered(files)
  const labels = isRecord(base) && Array.isArray(base.strategies) ? base.strategies.map(nameOf) : []
  const { data, settings, faults } = applySettings(base, options)
  const sources = new Sources(files, settings)
  const all = [
    ...faults,
    ...faultsOf(data, sources),
    ...checkParts(data, sources, registry, options.strategies === undefined ? [] : labels),
  ]
  if (all.length > 0) throw new ScenarioError(name, all)
  const scenario = resolved(name, data)
  const contradictions = checkWhole(scenario, data, sources)
  if (contradictions.length > 0) throw new ScenarioError(name, contradictions)
  return scenario
}

function nameOfFile(file: string): string {
  return basename(file, extname(file))
}

function isYaml(name: string): boolean {
  return /\.ya?ml$/.test(name)
}

async function findScenario(nameOrPath: string, folders: readonly string[]): Promise<string> {
  if (isYaml(nameOrPath)) return nameOrPath
  const known = await listScenarios(folders)
  const info = known.find(({ name }) => name === nameOrPath)
  if (info !== undefined) return info.file
  const names = known.map(({ name }) => name)
  const text = `no such scenario${suggestion(nameOrPath, names)}`
  throw new ScenarioError(nameOrPath, [{ where: nameOrPath, key: '', text }])
}

/** The file, what it extends, and so on. */
async function readChain(
  name: string,
  file: string,
  folders: readonly string[],
): Promise<YamlSource[]> {
  const chain: YamlSource[] = []
  for (let path: string | undefined = file; path !== undefined; ) {
    const source = await readSource(name, path)
    chain.push(source)
    const base: unknown = isRecord(source.data) ? source.data.extends : undefined
    const where = source.find(['extends'], 'value').where
    if (typeof base !== 'string') return chain
    if (chain.length === EXTENDS_MAX)
      throw new ScenarioError(name, [
        { where, key: 'extends', text: `more than ${EXTENDS_MAX} files, or a ring` },
      ])
    path = isYaml(base) ? join(dirname(path), base) : await findBase(name, base, where, folders)
  }
  return chain
}

async function findBase(
  name: string,
  base: string,
  where: string,
  folders: readonly string[],
): Promise<string> {
  try {
    return await findScenario(base, folders)
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    const text = `${error.faults[0]?.text}`
    throw new ScenarioError(name, [{ where, key: `extends: ${base}`, text }])
  }
}

async function readSource(name: string, path: string): Promise<YamlSource> {
  const shown = shownPath(path)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/,.*/, '') : String(error)
    throw new ScenarioError(name, [{ where: shown, key: '', text: `can’t be read: ${reason}` }])
  }
  const source = new YamlSource(shown, text)
  if (source.faults.length > 0) throw new ScenarioError(name, source.faults)
  return source
}

/** Files of the package by their name alone, others as one would type them. */
function shownPath(path: string): string {
  if (resolve(path).startsWith(SHIPPED)) return basename(path)
  const near = relative('', path)
  return near.startsWith('..') ? resolve(path) : near
}

/** What the files say together, the first laid over the second and so on. */
function layered(files: readonly YamlSource[]): unknown {
  let data: unknown = {}
  for (const file of files.toReversed()) data = overlay(data, file.data ?? {})
  return data
}

function applySettings(
  base: unknown,
  options: LoadOptions,
): { data: unknown; settings: Setting[]; faults: Fault[] } {
  const { strategies, trace, set = [] } = options
  const numbers = (['nodes', 'seed', 'threads'] as const).flatMap((key) =>
    options[key] === undefined ? [] : [{ where: `--${key}`, key, value: options[key] }],
  )
  const given: (Given | Fault)[] = [
    ...(strategies === undefined ? [] : [chosen(base, strategies)]),
    ...set.map(parseSetting),
    ...numbers,
    ...(trace === undefined ? [] : [{ where: '--trace-nodes', key: 'trace', value: [...trace] }]),
  ]
  const settings: Setting[] = []
  const faults: Fault[] = []
  let data = base
  for (const each of given) {
    const applied = 'text' in each ? each : applySetting(data, each)
    if ('text' in applied) {
      faults.push(applied)
    } else {
      data = applied.data
      settings.push(applied.setting)
    }
  }
  return { data, settings, faults }
}

/** The chosen strategies as the scenario has them, by label or name; by name alone where it does not. */
function chosen(base: unknown, names: readonly string[]): Given {
  const items = isRecord(base) && Array.isArray(base.strategies) ? base.strategies : []
  const value = names.map(
    (name) =>
      items.find((item) => nameOf(item) === name) ??
      items.find((item) => isRecord(item) && item.name === name) ??
      name,
  )
  return { where: `--strategies ${names.join(',')}`, key: 'strategies', value }
}

/** The scenario of data that was checked. */
function resolved(name: string, data: unknown): Scenario {
  const { extends: _, workload: __, ...file }: ScenarioFile = SCENARIO_FILE.parse(data)
  const raw = isRecord(data) ? data : {}
  const rawPhases = Array.isArray(raw.phases) ? raw.phases : []
  const strategies = file.strategies.map((each) => ({ ...each, label: each.label ?? each.name }))
  const labels = new Set(strategies.map(({ label }) => label))
  return {
    ...file,
    name,
    strategies,
    phases: file.phases.map((phase, i) => {
      const own: unknown = isRecord(rawPhases[i]) ? rawPhases[i].workload : {}
      return { ...phase, workload: WORKLOAD.parse(overlay(raw.workload ?? {}, own ?? {})) }
    }),
    assertions: file.assertions.filter((text) =>
      figuresOf(parseClaim(text)).every(
        (path) => !path.includes('.') || labels.has(path.split('.')[0] ?? ''),
      ),
    ),
  }
}
