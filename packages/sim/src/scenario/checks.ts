/** What is wrong with a scenario though each key by itself is well: what keys, strategies and assertions say of one another. */
import { RUN_FIGURES, STRATEGY_FIGURES } from '../measure/figures.ts'
import type { Strategy } from '../strategies/strategy.ts'
import { ClaimError, figuresOf, parseClaim } from './assertions.ts'
import { keyText, suggestion, valueAt } from './faults.ts'
import type { Scenario } from './scenario.ts'
import { nameOf } from './settings.ts'
import { type Fault, isRecord, type Path, type Sources } from './source.ts'

/** The strategies and assertions of the data, which may have other faults. `labels`: of strategies that a command line left out. */
export function checkParts(
  data: unknown,
  sources: Sources,
  registry: readonly Strategy[],
  labels: readonly string[],
): Fault[] {
  const { strategies, assertions } = isRecord(data) ? data : {}
  const items = Array.isArray(strategies) ? strategies : []
  const known = [...items.map(nameOf), ...labels]
  const tell = (path: Path, text: string): Fault => ({
    where: sources.where(path),
    key: keyText(path, data),
    text,
  })
  return [
    ...items.flatMap((item, i) =>
      strategyFaults(item, ['strategies', i], registry).map(([path, text]) => tell(path, text)),
    ),
    ...repeated(items.map(nameOf)).map((i) =>
      tell(['strategies', i], `a second ${nameOf(items[i])}: give it a label`),
    ),
    ...(Array.isArray(assertions) ? assertions : []).flatMap((text, i) => {
      const fault = typeof text === 'string' ? assertionFault(text, known) : null
      return fault === null ? [] : [tell(['assertions', i], `“${text}”: ${fault}`)]
    }),
  ]
}

function strategyFaults(
  item: unknown,
  path: Path,
  registry: readonly Strategy[],
): [path: Path, text: string][] {
  const name = typeof item === 'string' ? item : isRecord(item) ? item.name : undefined
  if (typeof name !== 'string') return []
  const strategy = registry.find((each) => each.name === name)
  if (strategy === undefined) {
    const names = registry.map((each) => each.name)
    return [
      [
        typeof item === 'string' ? path : [...path, 'name'],
        `no strategy ${name}${suggestion(name, names)}`,
      ],
    ]
  }
  const options = isRecord(item) && isRecord(item.options) ? item.options : {}
  const fault = strategy.optionsFault(options)
  return fault === null ? [] : [[[...path, 'options'], fault]]
}

/** Indexes of texts that were there before. */
function repeated(texts: readonly string[]): number[] {
  return texts.flatMap((text, i) => (text !== '' && texts.indexOf(text) < i ? [i] : []))
}

function assertionFault(text: string, labels: readonly string[]): string | null {
  try {
    for (const path of figuresOf(parseClaim(text))) {
      const fault = figureFault(path, labels)
      if (fault !== null) return fault
    }
    return null
  } catch (error) {
    if (!(error instanceof ClaimError)) throw error
    return `${error.message}, at character ${error.at + 1}`
  }
}

function figureFault(path: string, labels: readonly string[]): string | null {
  const dot = path.indexOf('.')
  if (dot < 0)
    return RUN_FIGURES.includes(path) ? null : `no figure ${path}${suggestion(path, RUN_FIGURES)}`
  const [label, figure] = [path.slice(0, dot), path.slice(dot + 1)]
  if (!labels.includes(label))
    return `no strategy ${label} in this scenario${suggestion(label, labels)}`
  return STRATEGY_FIGURES.includes(figure)
    ? null
    : `no figure ${figure}${suggestion(figure, STRATEGY_FIGURES)}`
}

/** What is wrong with a scenario whose keys are all well by themselves; `data` is what it was made of. */
export function checkWhole(scenario: Scenario, data: unknown, sources: Sources): Fault[] {
  const faults = contradictions(scenario).map(([path, text]) => {
    const [list, , , key] = path
    // What a phase says of its workload may stand where it is said for all phases.
    const isShared = list === 'phases' && key !== undefined && valueAt(data, path) === undefined
    const place = isShared ? ['workload', key] : path
    return { where: sources.where(place), key: keyText(place, scenario), text }
  })
  const texts = faults.map(({ key, text }) => `${key} ${text}`)
  return faults.filter((_, i) => texts.indexOf(texts[i] ?? '') === i)
}

/** A run lasts 24 days at most: its clock counts milliseconds in 31 bits. */
const RUN_SECONDS_MAX = 24 * 24 * 3_600

/** How far shares that sum up to 1 may be off. */
const SUM_SLACK = 1e-6

type Contradiction = [path: Path, text: string]

function contradictions(scenario: Scenario): Contradiction[] {
  const { link, transports } = scenario.world
  const found: Contradiction[] = []
  const sum = transports.quic + transports.tcp + transports.datagram
  if (Math.abs(sum - 1) > SUM_SLACK)
    found.push([['world', 'transports'], `expected shares that sum up to 1, found ${sum}`])
  const [least, most] = link.constantMs
  if (least > most)
    found.push([
      ['world', 'link', 'constantMs'],
      `expected the lesser number first, found ${least}, ${most}`,
    ])
  if (link.model === 'regions' && total(link.mix) === 0)
    found.push([['world', 'link', 'mix'], 'expected a weight above 0'])
  const seconds = scenario.phases.reduce((all, phase) => all + phase.seconds, 0)
  if (seconds > RUN_SECONDS_MAX)
    found.push([['phases'], `expected ${RUN_SECONDS_MAX} seconds at most in all, found ${seconds}`])
  const phases = scenario.phases.map(({ name }) => name)
  for (const i of repeated(phases)) found.push([['phases', i, 'name'], `a second ${phases[i]}`])
  if (!scenario.phases.some(({ measured }) => measured))
    found.push([['phases'], 'expected a phase that is measured'])
  for (const [i, node] of scenario.trace.entries())
    if (node >= scenario.nodes)
      found.push([['trace', i], `expected a node from 0 to ${scenario.nodes - 1}, found ${node}`])
  return [...found, ...scenario.phases.flatMap((_, i) => workloadContradictions(scenario, i))]
}

function workloadContradictions(
  { nodes, phases, world }: Scenario,
  index: number,
): Contradiction[] {
  const workload = phases[index]?.workload
  if (workload === undefined) return []
  const found: Contradiction[] = []
  const at = (key: string): Path => ['phases', index, 'workload', key]
  const { perSecond, mix, keys, skew, askers, askerRegions } = workload
  if (perSecond > 0 && total(mix) === 0) found.push([at('mix'), 'expected a weight above 0'])
  if (keys === 'hotspot' && skew > 1)
    found.push([at('skew'), `expected a share from 0 to 1 for hotspot, found ${skew}`])
  if (askers > nodes)
    found.push([at('askers'), `expected at most the ${nodes} nodes, found ${askers}`])
  for (const region of askerRegions)
    if (world.link.model === 'regions' && (world.link.mix[region] ?? 0) === 0)
      found.push([
        at('askerRegions'),
        `nobody lives in ${region}: give it a weight in world.link.mix`,
      ])
  return found
}

function total(weights: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(weights).reduce((sum: number, weight) => sum + (weight ?? 0), 0)
}
