import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Strategy } from '../strategies/strategy.ts'
import { DEFAULT_WORLD, MIXES } from './defaults.ts'
import { jsonSchema } from './faults.ts'
import { type LoadOptions, listScenarios, loadScenario } from './load.ts'
import { ScenarioError } from './source.ts'

const strategy = (name: string): Strategy => ({
  name,
  summary: name,
  optionsFault: ({ alpha = 1 }) =>
    Number.isInteger(alpha) ? null : 'alpha must be a whole number',
  create: () => {
    throw new Error('not for running')
  },
})
const registry = ['kadmium', 'go', 'js', 'kadabra', 'pns', 'plain', 'oracle'].map(strategy)

const LEAST = `description: The least that there is
nodes: 20
strategies: [kadmium]
phases: [{ name: measure, seconds: 10 }]
`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kadmium-scenarios-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A scenario of this text. */
function write(text: string, name = 'mine.yaml'): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

/** What is wrong with it, each as `line:column key: text`. */
async function faults(text: string, options: LoadOptions = {}): Promise<string[]> {
  const error = await loadScenario(write(text), { registry, ...options }).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(ScenarioError)
  return (error as ScenarioError).faults.map(
    ({ where, key, text }) => `${where.replace(/^.*mine\.yaml:/, '')} ${key}: ${text}`,
  )
}

describe('a scenario', () => {
  test('of a few lines has all the rest by default', async () => {
    const scenario = await loadScenario(write(LEAST), { registry })
    expect(scenario).toMatchObject({
      name: 'mine',
      nodes: 20,
      seed: 1,
      threads: 1,
      strategies: [{ name: 'kadmium', label: 'kadmium', options: {} }],
      assertions: [],
      trace: [],
    })
    expect(scenario.world).toEqual(DEFAULT_WORLD)
    expect(scenario.phases[0]).toMatchObject({ measured: true, workload: { mix: { get: 1 } } })
  })

  test('has what a phase says laid over what holds for all', async () => {
    const phases =
      'phases:\n  - { name: a, seconds: 1 }\n  - { name: b, seconds: 1, workload: { mix: { put: 1 } } }\n'
    const text = `${LEAST.replace(/phases.*\n/, phases)}workload: { perSecond: 7, mix: { get: 2 } }\n`
    const [a, b] = (await loadScenario(write(text), { registry })).phases
    expect(a?.workload).toMatchObject({ perSecond: 7, mix: { get: 2 } })
    // A mix is replaced as a whole.
    expect(b?.workload).toMatchObject({ perSecond: 7, mix: { put: 1 } })
    expect(b?.workload.mix).not.toHaveProperty('get')
  })

  test('may name a mix', async () => {
    const text = `${LEAST}world: { link: { mix: home-2021 } }\n`
    const { world } = await loadScenario(write(text), { registry })
    expect(world.link.mix).toEqual(MIXES['home-2021'])
  })

  test('extends another one', async () => {
    write(`${LEAST}world: { churn: { model: flap, flapShare: 0.2 } }\n`, 'base.yaml')
    const text = 'extends: base.yaml\ndescription: More\nworld: { churn: { flapShare: 0.6 } }\n'
    const scenario = await loadScenario(write(text), { registry })
    expect(scenario).toMatchObject({ name: 'mine', description: 'More', nodes: 20 })
    expect(scenario.world.churn).toMatchObject({ model: 'flap', flapShare: 0.6 })
    expect(scenario).not.toHaveProperty('extends')
    expect(await faults('extends: mine.yaml\n')).toEqual([
      '1:10 extends: more than 8 files, or a ring',
    ])
    expect(await faults('extends: nat-79\n')).toEqual([
      '1:10 extends: nat-79: no such scenario; did you mean nat-80?',
    ])
  })

  test('runs a strategy twice by labels', async () => {
    const text = LEAST.replace(
      '[kadmium]',
      '[go, { name: go, label: go-3, options: { alpha: 3 } }]',
    )
    const { strategies } = await loadScenario(write(text), { registry })
    expect(strategies).toEqual([
      { name: 'go', label: 'go', options: {} },
      { name: 'go', label: 'go-3', options: { alpha: 3 } },
    ])
    expect(await faults(LEAST.replace('[kadmium]', '[go, go]'))).toEqual([
      '3:18 strategies.1: a second go: give it a label',
    ])
  })
})

describe('what is wrong is told', () => {
  test('all of it at once, with its line', async () => {
    const text = `${LEAST.replace('20', '1').replace('kadmium', 'kadmiun')}world:
  link: { los: 0.1, jitter: 2, mix: { XX: 3, NA: -1 } }
  churn: { shape: nope }
`
    expect(await faults(text)).toEqual([
      '2:8 nodes: expected a whole number from 2 to 16777216, found 1',
      '6:50 world.link.mix.NA: expected a number from 0 to 1000000, found -1',
      '6:39 world.link.mix.XX: no such key; there are cloud-2024'.replace(
        'cloud-2024',
        'NA, SA, EUW, EUN, EUE, EAS, CN, SEA, SAS, OC, ME, AF',
      ),
      '6:29 world.link.jitter: expected a number from 0 to 1, found 2',
      '6:11 world.link.los: no such key; did you mean loss?',
      '7:19 world.churn.shape: expected a number from 0.1 to 5, found "nope"',
      '3:14 strategies.0: no strategy kadmiun; did you mean kadmium?',
    ])
  })

  test.each([
    ['nodes: [\n', /no good YAML: Flow sequence/],
    ['nodes: 1\nnodes: 2\n', /^2:1 : no good YAML: Map keys must be unique/],
    ['', /nodes: is missing: expected a whole number/],
    ['[]', /^1:1 : expected a map of keys and values, found \[\]/],
    [
      LEAST.replace('seconds: 10', 'seconds: 2100000'),
      /phases: expected 2073600 seconds at most in all, found 2100000/,
    ],
    [
      LEAST.replace(/phases.*/, 'phases: []'),
      /phases: expected a list that is not empty, found \[\]/,
    ],
    [LEAST.replace('measure', '"a b"'), /phases.a b.name: expected a name of letters and digits/],
    [`${LEAST}seed: 1.5`, /seed: expected a whole number from 0 to 4294967295, found 1.5/],
    [`${LEAST}trace: [20]`, /trace.0: expected a node from 0 to 19, found 20/],
    [`${LEAST}workload: { askers: 21 }`, /^5:21 workload.askers: expected at most the 20 nodes/],
    [`${LEAST}workload: { mix: {} }`, /workload.mix: expected a weight above 0/],
    [`${LEAST}workload: { askerRegions: [AF] }`, /nobody lives in AF/],
    [`${LEAST}workload: { keys: hotspot, skew: 2 }`, /skew: expected a share from 0 to 1/],
    [
      `${LEAST}world: { transports: { quic: 1 } }`,
      /transports: expected shares that sum up to 1, found 1.2/,
    ],
    [
      `${LEAST}world: { link: { constantMs: [2, 1] } }`,
      /constantMs: expected the lesser number first/,
    ],
    [`${LEAST}world: { link: { constantMs: [2] } }`, /constantMs: expected a list of 2: a number/],
    [
      LEAST.replace('seconds: 10', 'seconds: 10, measured: false'),
      /expected a phase that is measured/,
    ],
    [
      LEAST.replace('[kadmium]', '[{ name: go, options: { alpha: x } }]'),
      /options: alpha must be a whole/,
    ],
    [
      LEAST.replace('[kadmium]', '[{ name: go, optons: {} }]'),
      /strategies.go.optons: no such key; did you mean options\?/,
    ],
    [`${LEAST}assertions: [kadmium.get.p50 < 3]`, /no figure get.p50; did you mean get.p50Ms\?/],
    [
      `${LEAST}assertions: [go.get.p50Ms < 3]`,
      /no strategy go in this scenario; there are kadmium/,
    ],
    [`${LEAST}assertions: [kadmium.get.p50Ms = 3]`, /can’t read “= 3”, at character 19/],
    [`${LEAST}assertions: [wallSecond < 3]`, /no figure wallSecond; did you mean wallSeconds\?/],
  ])('%j', async (text, told) => {
    expect((await faults(text)).join('\n')).toMatch(told)
  })

  test('of a file that is not there, and of a name that is near another', async () => {
    const lost = loadScenario(join(folder, 'lost.yaml'), { registry })
    await expect(lost).rejects.toThrow(/lost\.yaml: can’t be read: ENOENT/)
    await expect(loadScenario('smok', { registry })).rejects.toThrow(/did you mean smoke\?/)
  })
})

describe('a command line', () => {
  const load = (options: LoadOptions, text = LEAST) =>
    loadScenario(write(text), { registry, ...options })

  test('sets any key', async () => {
    const set = [
      'world.link.loss=0.02',
      'phases.measure.seconds=5',
      'strategies.kadmium.options.alpha=3',
      'workload.mix={ put: 1, get: 3 }',
    ]
    const scenario = await load({ set, nodes: 30, seed: 2, threads: 4, trace: [7] })
    expect(scenario).toMatchObject({ nodes: 30, seed: 2, threads: 4, trace: [7] })
    expect(scenario.world.link.loss).toBe(0.02)
    expect(scenario.phases[0]).toMatchObject({ seconds: 5, workload: { mix: { put: 1, get: 3 } } })
    expect(scenario.strategies).toEqual([
      { name: 'kadmium', label: 'kadmium', options: { alpha: 3 } },
    ])
  })

  test('and what it says is checked as what a file says', async () => {
    const set = [
      'world.link.loss=2',
      'foo',
      'phases.b.seconds=1',
      'nodes.x=1',
      'world.lnk.loss=0',
      'seed=[',
    ]
    expect(await faults(LEAST, { set, threads: 0 })).toEqual([
      '--set foo : expected key=value',
      '--set phases.b.seconds=1 phases.b.seconds: no item b; there are measure',
      '--set nodes.x=1 nodes.x: nodes has no keys',
      expect.stringMatching(/^--set seed=\[ seed: the value is no good YAML: /),
      '--threads threads: expected a whole number from 1 to 64, found 0',
      '--set world.link.loss=2 world.link.loss: expected a number from 0 to 1, found 2',
      '--set world.lnk.loss=0 world.lnk: no such key; did you mean link?',
    ])
    expect(await faults(LEAST, { set: ['world.transports.quic=0.9'] })).toEqual([
      expect.stringMatching(/^--set world.transports.quic=0.9 world.transports: expected shares/),
    ])
  })

  test('chooses strategies; what others are to hold is left out', async () => {
    const strategies = '[kadmium, { name: go, label: go-3, options: { alpha: 3 } }]'
    const assertions =
      'assertions: [kadmium.get.p50Ms < go-3.get.p50Ms, go-3.get.ok > 0, wallSeconds < 9]\n'
    const text = LEAST.replace('[kadmium]', strategies) + assertions
    const scenario = await load({ strategies: ['go-3', 'js'] }, text)
    expect(scenario.strategies.map(({ label }) => label)).toEqual(['go-3', 'js'])
    expect(scenario.strategies[0]?.options).toEqual({ alpha: 3 })
    expect(scenario.assertions).toEqual(['go-3.get.ok > 0', 'wallSeconds < 9'])
    expect(await faults(text, { strategies: ['gro'] })).toEqual([
      '--strategies gro strategies.0: no strategy gro; did you mean go?',
    ])
  })

  test('gives a folder of scenarios of one’s own', async () => {
    write(LEAST, 'smoke.yaml')
    write(LEAST, 'own.yaml')
    const folders = [folder]
    expect((await loadScenario('own', { registry, folders })).nodes).toBe(20)
    expect((await loadScenario('smoke', { registry, folders })).nodes).toBe(20)
    const names = (await listScenarios(folders)).map(({ name }) => name)
    expect(names).toEqual([...new Set(names)].sort())
    expect(names).toEqual(expect.arrayContaining(['own', 'nat-80']))
    await expect(listScenarios([join(folder, 'lost')])).rejects.toThrow('ENOENT')
  })
})

const WANTED = [
  ...['smoke', 'ipfs-2024', 'home-2021', 'nat-80', 'flap-20-3h', 'flap-60-3h', 'flap-20-5h'],
  ...['flap-60-5h', 'million', 'kadabra-square', 'kadabra-world', 'kit-peersim'],
]

describe('the scenarios that come with the package', () => {
  test.each(WANTED)('%s can be run', async (name) => {
    const scenario = await loadScenario(name)
    expect(scenario.name).toBe(name)
    expect(scenario.description.length).toBeLessThan(120)
  })

  test('are all told of, each with a line', async () => {
    const listed = await listScenarios()
    expect(listed.map(({ name }) => name)).toEqual([...WANTED].sort())
    expect(listed.filter(({ description }) => description === 'no description')).toEqual([])
  })
})

test('editors are told by the schema what a scenario may say', () => {
  const file = new URL('../../scenarios/scenario.schema.json', import.meta.url)
  if (process.env.KADMIUM_UPDATE === '1')
    writeFileSync(file, `${JSON.stringify(jsonSchema(), null, 2)}\n`)
  expect(JSON.parse(readFileSync(file, 'utf8')), 'KADMIUM_UPDATE=1 writes it anew').toEqual(
    JSON.parse(JSON.stringify(jsonSchema())),
  )
})
