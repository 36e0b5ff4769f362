/** What is wrong, as a sentence that says what was found and what was expected. */
import { closestMatch } from 'leven'
import { z } from 'zod'
import { SCENARIO_FILE } from './schema.ts'
import { type Fault, isRecord, type Path, type Sources } from './source.ts'

/** A JSON schema, as far as ours need it. */
export interface JsonSchema {
  type?: string
  description?: string
  unit?: string
  default?: unknown
  enum?: unknown[]
  minimum?: number
  maximum?: number
  pattern?: string
  minItems?: number
  properties?: Record<string, JsonSchema>
  required?: string[]
  propertyNames?: JsonSchema
  additionalProperties?: JsonSchema | boolean
  items?: JsonSchema | boolean
  prefixItems?: JsonSchema[]
  anyOf?: JsonSchema[]
}

/** What a scenario file may say, as a JSON schema. */
export function jsonSchema(): JsonSchema {
  return z.toJSONSchema(SCENARIO_FILE, { io: 'input' }) as JsonSchema
}

/** Checks a file's data. Returns all that is wrong with the keys taken one by one. */
export function faultsOf(data: unknown, sources: Sources): Fault[] {
  const parsed = SCENARIO_FILE.safeParse(data)
  if (parsed.success) return []
  const schema = jsonSchema()
  return parsed.error.issues.flatMap((issue) => issueFaults(issue, data, schema, sources))
}

type Issue = z.core.$ZodIssue

function issueFaults(issue: Issue, data: unknown, schema: JsonSchema, sources: Sources): Fault[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey([...path, key], data, schema, sources))
  if (issue.code === 'invalid_union') {
    // The alternative of the same kind says more than that none fits.
    const kind = isRecord(valueAt(data, path)) ? 'unrecognized_keys' : ''
    const nested = issue.errors.find((list) =>
      list.every(({ code, path: at }) => code === kind || at.length > 0),
    )
    if (nested !== undefined && nested.length > 0)
      return nested.flatMap((each) =>
        issueFaults({ ...each, path: [...issue.path, ...each.path] }, data, schema, sources),
      )
  }
  const found = valueAt(data, path)
  const expected = describe(schemaAt(schema, path))
  const text =
    found === undefined
      ? `is missing: expected ${expected}`
      : `expected ${expected}, found ${shown(found)}`
  return [{ where: sources.where(path), key: keyText(path, data), text }]
}

function unknownKey(path: Path, data: unknown, schema: JsonSchema, sources: Sources): Fault {
  const known = keysAt(schema, path.slice(0, -1))
  return {
    where: sources.where(path, 'key'),
    key: keyText(path, data),
    text: `no such key${suggestion(String(path.at(-1)), known)}`,
  }
}

/** `; did you mean loss?`, or all that there is where nothing is near. */
export function suggestion(found: string, known: readonly string[]): string {
  const lower = found.toLowerCase()
  const near = closestMatch(
    lower,
    known.map((each) => each.toLowerCase()),
    {
      maxDistance: Math.ceil(found.length / 3),
    },
  )
  const match = known.find((each) => each.toLowerCase() === near)
  if (match !== undefined) return `; did you mean ${match}?`
  return known.length === 0 ? '' : `; there are ${known.join(', ')}`
}

/** `phases.measure.seconds`: items of a list by their name, where they have one, as `--set` takes it. */
export function keyText(path: Path, data: unknown): string {
  return path
    .map((step, i) => {
      if (typeof step === 'string') return step
      const item = valueAt(data, path.slice(0, i + 1))
      return isRecord(item) && typeof item.name === 'string' ? item.name : String(step)
    })
    .join('.')
}

export function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const step of path) {
    if (Array.isArray(value) && typeof step === 'number') value = value[step]
    else if (isRecord(value)) value = value[String(step)]
    else return undefined
  }
  return value
}

function schemaAt(schema: JsonSchema, path: Path): JsonSchema {
  let at = schema
  for (const step of path) at = childOf(at, step) ?? {}
  return at
}

function childOf(schema: JsonSchema, step: string | number): JsonSchema | undefined {
  for (const each of [schema, ...(schema.anyOf ?? [])]) {
    const { properties, additionalProperties, items, prefixItems } = each
    if (typeof step === 'number') {
      const item = prefixItems?.[step] ?? items
      if (typeof item === 'object') return item
    } else {
      const child = properties?.[step] ?? additionalProperties
      if (typeof child === 'object') return child
    }
  }
  return undefined
}

function keysAt(schema: JsonSchema, path: Path): string[] {
  const at = schemaAt(schema, path)
  return [at, ...(at.anyOf ?? [])].flatMap(({ properties, propertyNames }) => [
    ...Object.keys(properties ?? {}),
    ...(propertyNames?.enum ?? []).map(String),
  ])
}

/** What a value may be, in words. */
function describe(schema: JsonSchema): string {
  const { type, minimum: min, maximum: max, anyOf } = schema
  if (anyOf !== undefined) return anyOf.map(describe).join(', or ')
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`
  if (schema.prefixItems !== undefined)
    return `a list of ${schema.prefixItems.length}: ${schema.prefixItems.map(describe).join(', ')}`
  if (type === 'number' || type === 'integer')
    return `a ${type === 'integer' ? 'whole ' : ''}number${range(min, max)}`
  if (type === 'array') return `a list${(schema.minItems ?? 0) > 0 ? ' that is not empty' : ''}`
  if (type === 'object') return 'a map of keys and values'
  if (type === 'boolean') return 'true or false'
  if (schema.pattern !== undefined) return 'a name of letters and digits, with - between them'
  return type === 'string' ? 'a text' : 'something else'
}

function range(min: number | undefined, max: number | undefined): string {
  if (min === undefined) return max === undefined ? '' : ` up to ${max}`
  return max === undefined || max === Number.MAX_SAFE_INTEGER
    ? ` from ${min}`
    : ` from ${min} to ${max}`
}

/** Longest value that is shown in full. */
const SHOWN_MAX = 60

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
}
