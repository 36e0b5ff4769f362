/** What a command line lays over a scenario: `world.link.loss=0.02`, `phases.measure.seconds=60`, `strategies.go.options.alpha=3`. */
import { parse } from 'yaml'
import { suggestion } from './faults.ts'
import { type Fault, isRecord, type Path, type Setting } from './source.ts'

/** A setting as it was given: a value for a key. */
export interface Given {
  /** Option and text, for errors. */
  where: string
  /** Dotted; items of a list by index, or by their name. */
  key: string
  value: unknown
}

/** Splits `key=value`; the value is YAML. Returns a fault for what is none. */
export function parseSetting(text: string): Given | Fault {
  const where = `--set ${text}`
  const at = text.indexOf('=')
  const key = text.slice(0, at).trim()
  if (at < 0 || key === '') return { where, key: '', text: 'expected key=value' }
  try {
    return { where, key, value: parse(text.slice(at + 1)) }
  } catch (error) {
    const [line] = error instanceof Error ? error.message.split('\n') : []
    return { where, key, text: `the value is no good YAML: ${line}` }
  }
}

/** Lays a value over the data, which is not changed. Returns the data with it, and the key with names of items as indexes. */
export function applySetting(
  data: unknown,
  given: Given,
): { data: unknown; setting: Setting } | Fault {
  const { where, key, value } = given
  const path: (string | number)[] = []
  const steps = key.split('.')

  function lay(at: unknown, depth: number): unknown {
    const step = steps[depth]
    if (step === undefined) return value
    if (Array.isArray(at)) {
      const index = indexOf(at, step)
      if (typeof index === 'string') throw new Misfit(index)
      path.push(index)
      const item =
        steps.length > depth + 1 && typeof at[index] === 'string' ? { name: at[index] } : at[index]
      return at.with(index, lay(item, depth + 1))
    }
    if (at !== undefined && at !== null && !isRecord(at))
      throw new Misfit(`${steps.slice(0, depth).join('.')} has no keys`)
    path.push(step)
    return { ...at, [step]: lay(at?.[step], depth + 1) }
  }

  try {
    return { data: lay(data, 0), setting: { where, path: path satisfies Path, value } }
  } catch (error) {
    if (error instanceof Misfit) return { where, key, text: error.message }
    throw error
  }
}

/** Why a key does not fit the data. */
class Misfit extends Error {}

/** The index of an item by its number, label or name; a sentence for what is not there. */
function indexOf(items: readonly unknown[], step: string): number | string {
  if (/^\d+$/.test(step)) {
    const index = Number(step)
    return index < items.length ? index : `there are only ${items.length} items`
  }
  const names = items.map(nameOf)
  const index = names.indexOf(step)
  if (index >= 0) return index
  return `no item ${step}${suggestion(
    step,
    names.filter((name) => name !== ''),
  )}`
}

/** What an item of a list is called: the label or name of a map, a text itself. */
export function nameOf(item: unknown): string {
  if (typeof item === 'string') return item
  if (!isRecord(item)) return ''
  const { label, name } = item
  if (typeof label === 'string') return label
  return typeof name === 'string' ? name : ''
}
