/** The settings of a sweep: every combination of the values of its keys. */
import { usageError } from '../errors.ts'

/** Runs of one sweep at most. */
const RUNS_MAX = 10_000

/** A value for each key, as `--set` takes it. */
export type Combination = Readonly<Record<string, string>>

/** The cartesian product, the last key running fastest. `settings`: each `key=a,b,c`, or `key=[a, b]`. */
export function combinations(settings: readonly string[]): Combination[] {
  const axes = settings.map(axisOf)
  const keys = axes.map(({ key }) => key)
  const twice = keys.find((key, i) => keys.indexOf(key) < i)
  if (twice !== undefined)
    throw usageError(`--set ${twice} stands twice: give all its values at once`)
  const count = axes.reduce((product, { values }) => product * values.length, 1)
  if (count > RUNS_MAX)
    throw usageError(`these are ${count} runs, and at most ${RUNS_MAX} can be made`)
  return axes.reduce<Combination[]>(
    (all, { key, values }) =>
      all.flatMap((each) => values.map((value) => ({ ...each, [key]: value }))),
    [{}],
  )
}

function axisOf(text: string): { key: string; values: string[] } {
  const at = text.indexOf('=')
  if (at < 1) throw usageError(`--set ${text}: expected key=a,b,c`)
  const inner = /^\[(.*)\]$/s.exec(text.slice(at + 1).trim())?.[1]
  const values = separated(inner ?? text.slice(at + 1))
  if (values.some((value) => value === '')) throw usageError(`--set ${text}: a value is empty`)
  return { key: text.slice(0, at).trim(), values }
}

/** Parts between commas that stand in no brackets. */
function separated(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    const letter = text[i]
    if (letter === '[' || letter === '{') depth++
    if (letter === ']' || letter === '}') depth--
    if (letter !== undefined && (letter !== ',' || depth > 0)) continue
    parts.push(text.slice(from, i).trim())
    from = i + 1
  }
  return parts
}
