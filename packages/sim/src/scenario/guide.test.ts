/** docs/simulation.md has every key of a scenario, with its unit, default and meaning. `KADMIUM_UPDATE=1` writes the table anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { RUN_FIGURES, STRATEGY_FIGURES } from '../measure/figures.ts'
import { type JsonSchema, jsonSchema } from './faults.ts'

const GUIDE = new URL('../../../../docs/simulation.md', import.meta.url)
const [BEGIN, END] = ['<!-- keys -->\n', '<!-- /keys -->']

/** A row for each key, those of inner maps by their whole path. */
function rows(schema: JsonSchema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const key = path === '' ? name : `${path}.${name}`
    const item = typeof child.items === 'object' ? child.items : undefined
    const map = [item, ...(item?.anyOf ?? [])].find((each) => each?.properties !== undefined)
    // What a phase may say of its workload is what is said for all.
    const inner =
      key === 'phases[].workload' ? [] : child.properties === undefined ? [] : rows(child, key)
    const own = inner.length > 0 ? [] : [row(key, child, schema.required?.includes(name) === true)]
    return [...own, ...inner, ...(map === undefined ? [] : rows(map, `${key}[]`))]
  })
}

function row(key: string, schema: JsonSchema, isRequired: boolean): string {
  const { unit = '', description = '' } = schema
  return `| \`${key}\` | ${unit} | ${defaultOf(schema, isRequired)} | ${description} |`
}

function defaultOf({ default: value }: JsonSchema, isRequired: boolean): string {
  if (value === undefined) return isRequired ? 'must be given' : ''
  return `\`${typeof value === 'object' ? JSON.stringify(value) : String(value)}\``
}

test('the table of keys is that of the schema', () => {
  const all = rows(jsonSchema(), '')
  expect(all.length).toBeGreaterThan(60)
  // A key without a meaning helps nobody.
  expect(all.filter((line) => line.endsWith('|  |'))).toEqual([])
  const table = [
    '',
    '| key | unit | default | meaning |',
    '|---|---|---|---|',
    ...all,
    '',
    '',
  ].join('\n')
  const text = readFileSync(GUIDE, 'utf8')
  const [before = '', rest = ''] = text.split(BEGIN)
  const [present = '', after = ''] = rest.split(END)
  if (process.env.KADMIUM_UPDATE === '1') writeFileSync(GUIDE, before + BEGIN + table + END + after)
  else expect(present, 'KADMIUM_UPDATE=1 writes it anew').toBe(table)
})

test('every figure is explained', () => {
  const text = readFileSync(GUIDE, 'utf8')
  const names = [...RUN_FIGURES, ...STRATEGY_FIGURES].map((path) => path.split('.').at(-1) ?? '')
  expect(names.filter((name) => !new RegExp(`[\`.]${name}\``).test(text))).toEqual([])
})

test('the example is YAML', () => {
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(readFileSync(GUIDE, 'utf8')) ?? []
  expect(parse(example)).toMatchObject({ extends: 'ipfs-2024', nodes: 5_000 })
})
