/** What a scenario may set for a rival: named numbers and switches, each with its default. */

/** A whole number with its bounds, or a switch. */
export type OptionSpec =
  | { readonly default: number; readonly min: number; readonly max: number }
  | { readonly default: boolean }

export type Options<T extends Readonly<Record<string, OptionSpec>>> = {
  [K in keyof T]: T[K]['default']
}

/** What is wrong with the given options, as a sentence; null where nothing is. */
export function faultOf(
  specs: Readonly<Record<string, OptionSpec>>,
  given: Readonly<Record<string, unknown>>,
): string | null {
  for (const [name, value] of Object.entries(given)) {
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
    if (spec === undefined) {
      const known = Object.keys(specs).join(', ')
      return `Option ${name} is not known; there are ${known === '' ? 'none' : known}.`
    }
    const fault = valueFault(spec, value)
    if (fault !== null) return `Option ${name} ${fault}, and is ${JSON.stringify(value)}.`
  }
  return null
}

/** The given options, and the defaults of those that are not given; they must be without fault. */
export function optionsOf<T extends Readonly<Record<string, OptionSpec>>>(
  specs: T,
  given: Readonly<Record<string, unknown>>,
): Options<T> {
  const defaults = Object.entries(specs).map(([name, spec]) => [name, spec.default])
  return { ...Object.fromEntries(defaults), ...given } as Options<T>
}

function valueFault(spec: OptionSpec, value: unknown): string | null {
  if (typeof spec.default === 'boolean') {
    return typeof value === 'boolean' ? null : 'must be true or false'
  }
  if (!('min' in spec)) return null
  const isWhole = Number.isSafeInteger(value)
  if (isWhole && (value as number) >= spec.min && (value as number) <= spec.max) return null
  return `must be a whole number from ${spec.min} to ${spec.max}`
}
