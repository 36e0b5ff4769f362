import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Progress, Run, Scenario } from '@kadmium/sim'
import { madeUpRun } from '@kadmium/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Capture, kadmium, type TestIoInit, temporaryFolder, testIo } from '../../test/fixtures.ts'
import { CliError, EXIT } from '../errors.ts'
import { run } from '../program.ts'
import { combinations } from './combinations.ts'
import type { Simulate } from './options.ts'
import { SimProgress } from './progress.ts'
import { duration, number, percent, ratio, short, table, withRatio } from './table.ts'

const SCENARIO = `description: A scenario of a test
nodes: 40
workload: { mix: { get: 3, put: 1 } }
strategies: [kadmium, { name: kadmium, label: oracle }]
phases: [{ name: measure, seconds: 10 }]
assertions: [oracle.get.p50Ms < kadmium.get.p50Ms]
`

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let file: string
beforeAll(async () => {
  folder = await temporaryFolder()
  file = join(folder.path, 'mine.yaml')
  await writeFile(file, SCENARIO)
})
afterAll(() => folder.remove())

/** Runs nothing, and keeps what it was asked for. */
function simulator(change: (run: Run) => void = () => {}) {
  const asked: Scenario[] = []
  const simulate: Simulate = async (scenario, options) => {
    asked.push(scenario)
    for (const node of scenario.trace) options?.onTrace?.(`{"node":${node}}`)
    const made = madeUpRun(scenario)
    change(made)
    return made
  }
  return { asked, simulate }
}

const sim = (args: readonly string[], init: TestIoInit = {}) =>
  kadmium(['sim', ...args], { simulate: simulator().simulate, ...init })

describe('sim run', () => {
  test('prints a row for each strategy and operation, with ratios to the oracle', async () => {
    const { code, out, err } = await sim(['run', file])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^mine: 40 nodes, seed 1, 1 thread, 12\.5 s, 345 MB at most\n/)
    expect(out).toMatch(/\nkadmium +get +1,000 +99\.5 +120 \(2\.50x\)/)
    expect(out).toMatch(/\nkadmium +put .* 0\.98|0\.99/)
    expect(out).toMatch(/\noracle +get +1,000 +99\.5 +48\.0 /)
    expect(out).toContain('assertions: 1 of 1 hold')
    expect(out).toContain('holds   oracle.get.p50Ms < kadmium.get.p50Ms   (oracle.get.p50Ms = ')
  })

  test('prints the result as the last line with --json, and writes it to a file', async () => {
    const out = join(folder.path, 'out.json')
    const { code, json } = await sim(['run', file, '--json', '--out', out])
    expect(code).toBe(0)
    expect(json).toMatchObject({
      command: 'sim run',
      ok: true,
      exitCode: 0,
      scenario: 'mine',
      nodes: 40,
    })
    const written = JSON.parse(await readFile(out, 'utf8'))
    const { command: _, ok: __, exitCode: ___, ...result } = json
    expect(written).toEqual(result)
    expect(written.strategies.kadmium.get.p50Ms).toBeCloseTo(120, 0)
  })

  test('runs what the options say', async () => {
    const { asked, simulate } = simulator()
    const numbers = ['--nodes', '50', '--seed', '0', '--threads', '3']
    const set = ['--set', 'world.link.loss=0.02', '--set', 'workload.perSecond=7']
    const { code } = await sim(['run', file, ...numbers, ...set, '--strategies', 'kadmium'], {
      simulate,
    })
    expect(code).toBe(0)
    const [scenario] = asked
    expect(scenario).toMatchObject({ nodes: 50, seed: 0, threads: 3, trace: [], assertions: [] })
    expect(scenario?.world.link.loss).toBe(0.02)
    expect(scenario?.phases[0]?.workload.perSecond).toBe(7)
    expect(scenario?.strategies.map(({ label }) => label)).toEqual(['kadmium'])
  })

  test('writes a report that says how to do it again', async () => {
    const report = join(folder.path, 'report.html')
    const { out } = await sim([
      'run',
      file,
      '--report',
      report,
      '--set',
      'strategies.oracle.options={}',
    ])
    expect(out).toContain(`written: ${report}`)
    const text = await readFile(report, 'utf8')
    expect(text).toContain(`npx kadmium sim run ${file} --set &#39;`.replace('&#39;', "'"))
  })

  test('writes a trace of the chosen nodes', async () => {
    const trace = join(folder.path, 'trace.jsonl')
    expect((await sim(['run', file, '--trace', trace])).out).toContain(`${trace} (1 line)`)
    expect(await readFile(trace, 'utf8')).toBe('{"node":0}\n')
    await sim(['run', file, '--trace', trace, '--trace-nodes', '3,7'])
    expect(await readFile(trace, 'utf8')).toBe('{"node":3}\n{"node":7}\n')
  })

  test('fails when an assertion does not hold, and has the figures all the same', async () => {
    const set = ['--set', 'assertions=[kadmium.get.p50Ms < 1, nodes == 40]']
    const plain = await sim(['run', file, ...set])
    expect(plain.code).toBe(EXIT.unmet)
    expect(plain.out).toMatch(
      /FAILED {2}kadmium\.get\.p50Ms < 1 {3}\(kadmium\.get\.p50Ms = 1\d\d\.\d+\)/,
    )
    expect(plain.err).toBe('kadmium: 1 assertion of 2 failed\n')
    const { json } = await sim(['run', file, ...set, '--json'])
    expect(json).toMatchObject({
      command: 'sim run',
      ok: false,
      exitCode: 7,
      error: { code: 'unmet' },
    })
    expect(json).toHaveProperty('strategies.kadmium.get.p50Ms')
  })

  test('fails when a checker found something', async () => {
    const lost = { checker: 'records', atMs: 3_600_000, text: 'a record is lost' }
    const { simulate } = simulator(({ violations }) => {
      violations.kadmium = Array.from({ length: 7 }, () => lost)
    })
    const { code, out, err } = await sim(['run', file], { simulate })
    expect(code).toBe(EXIT.violation)
    expect(out).toContain('VIOLATIONS of kadmium: 7\n  records, at 60.0 min: a record is lost\n')
    expect(out).toContain('  and 2 more\n')
    expect(err).toBe('kadmium: checkers found 7 violations\n')
  })

  test('ends when the user has enough', async () => {
    const user = new AbortController()
    const simulate: Simulate = (_, options) => {
      queueMicrotask(() => user.abort(new CliError('interrupted', 'interrupted')))
      // One that does not listen to its signal.
      expect(options?.signal?.aborted).toBe(false)
      return new Promise(() => {})
    }
    const { code, err, json } = await sim(['run', file, '--json'], {
      simulate,
      interrupt: user.signal,
    })
    expect([code, err]).toEqual([EXIT.interrupted, 'kadmium: interrupted\n'])
    expect(json).toMatchObject({ command: 'sim run', ok: false, exitCode: 130 })
  })

  test('does not hide what the simulator throws', async () => {
    const simulate: Simulate = () => Promise.reject(new Error('a worker died'))
    const { code, err } = await sim(['run', file], { simulate })
    expect(code).toBe(EXIT.internal)
    expect(err).toMatch(/^kadmium: a worker died; this is a defect/)
  })
})

describe('bad input', () => {
  test.each([
    ['run', 'missing required argument'],
    ['run smok', 'did you mean smoke?'],
    ['run nowhere.yaml', 'nowhere.yaml: can’t be read'],
    ['run FILE --nodes 0', 'whole number from 1'],
    ['run FILE --seed x', 'whole number from 0'],
    [
      'run FILE --set world.link.los=1',
      '--set world.link.los=1: world.link.los: no such key; did you mean loss?',
    ],
    ['run FILE --strategies kadmiun', 'no strategy kadmiun; did you mean kadmium?'],
    ['run FILE --out /nonexistent/a', 'can’t write /nonexistent/a'],
    ['run FILE --trace /', 'can’t write /: it is a folder'],
    ['run FILE --trace-nodes 1', 'give --trace FILE'],
    ['run FILE --scenarios /nonexistent', ''],
    ['compare FILE', '--strategies'],
    ['compare FILE --strategies kadmium', 'two or more'],
    ['sweep FILE --set nodes', 'expected key=a,b,c'],
    ['sweep FILE --set nodes=2,1', '--set nodes=1: nodes: expected a whole number from 2'],
    ['sweep FILE --set nodes=2 --set nodes=3', 'stands twice'],
    ['list --scenarios /nonexistent', 'can’t read /nonexistent'],
    ['lst', 'unknown command'],
  ])('%s', async (line, reason) => {
    const args = line.split(' ').map((word) => (word === 'FILE' ? file : word))
    const { code, err, json } = await sim([...args, '--json'])
    if (reason === '') return expect(code).toBe(0)
    expect([code, err]).toEqual([EXIT.usage, expect.stringContaining(reason)])
    expect(json).toMatchObject({ ok: false, exitCode: EXIT.usage, error: { code: 'usage' } })
  })

  test('names every fault of a file, for scripts too', async () => {
    const bad = join(folder.path, 'bad.yaml')
    await writeFile(bad, SCENARIO.replace('40', 'x').replace('seconds', 'second'))
    const { json } = await sim(['run', bad, '--json'])
    expect(json.faults).toEqual([
      expect.objectContaining({ where: expect.stringMatching(/bad\.yaml:2:8$/), key: 'nodes' }),
      expect.objectContaining({ key: 'phases.measure.seconds' }),
      expect.objectContaining({ key: 'phases.measure.second' }),
    ])
  })
})

test('sim compare shows strategies side by side', async () => {
  const { code, out } = await sim(['compare', file, '--strategies', 'oracle,kadmium'])
  expect(code).toBe(0)
  expect(out).toMatch(/\noperation +figure +oracle +kadmium\n/)
  expect(out).toMatch(/\nget +p50 ms +48\.0 +204 \(4\.25x\)\n/)
})

test('sim list names scenarios, strategies, and those of one’s own', async () => {
  const { code, out, json } = await sim(['list', '--scenarios', folder.path])
  expect(code).toBe(0)
  expect(out).toMatch(/^Scenarios:\n/)
  expect(out).toMatch(/\n {2}mine +A scenario of a test\n/)
  expect(out).toMatch(/\n {2}nat-80 +80 % /)
  expect(out).toMatch(/\nStrategies:\n/)
  expect(json).toEqual({})
  const listed = (await sim(['list', '--json'])).json
  expect(listed).toMatchObject({ command: 'sim list', ok: true })
})

describe('a sweep', () => {
  test('has every combination, the last key running fastest', () => {
    expect(combinations(['a=1,2', 'b.c=x,[y,z]'])).toEqual([
      { a: '1', 'b.c': 'x' },
      { a: '1', 'b.c': '[y,z]' },
      { a: '2', 'b.c': 'x' },
      { a: '2', 'b.c': '[y,z]' },
    ])
    expect(combinations(['a=[1, {x: 1, y: 2}]'])).toEqual([{ a: '1' }, { a: '{x: 1, y: 2}' }])
    expect(combinations([])).toEqual([{}])
    expect(() => combinations(['a=1,'])).toThrow('a value is empty')
    const many = Array.from({ length: 5 }, (_, i) => `${'abcde'[i]}=1,2,3,4,5,6,7,8,9,10`)
    expect(() => combinations(many)).toThrow('100000 runs')
  })
})

describe('the progress bar', () => {
  const STATE: Progress = {
    strategy: 'kadmium',
    phase: 'measure',
    share: 0.43,
    built: 1,
    simulatedSeconds: 754,
    events: 1e6,
    eventsPerSecond: 1_234_567,
    rssBytes: 345e6,
  }

  function drawn(isTTY: boolean, state = STATE): string {
    const sink = new Capture()
    sink.isTTY = isTTY
    sink.columns = 140
    let nowMs = 0
    const bar = new SimProgress(sink, () => nowMs)
    nowMs = 61_000
    bar.show(state)
    const { text } = sink
    bar.stop()
    return text
  }

  test('says where the run is', () => {
    expect(drawn(true)).toMatch(
      /kadmium measure \[=+-+\] +43 % {2}12\.6 min simulated, 1\.2 M events\/s, 345 MB, 61 s/,
    )
  })

  test('says how much of a world is built', () => {
    const building = { ...STATE, phase: 'build', share: 0, built: 0.27, simulatedSeconds: 0 }
    expect(drawn(true, building)).toMatch(
      /kadmium build \[=+-+\] +27 % {2}of the world built, 345 MB, 61 s/,
    )
  })

  test('is not drawn where there is no terminal', () => {
    expect(drawn(false)).toBe('')
  })
})

describe('tables', () => {
  test('drop what there is no room for, and what is empty', () => {
    const columns = [
      { title: 'name', spare: 0, side: 'left' as const },
      { title: 'value', spare: 1, side: 'right' as const },
      { title: 'none', spare: 0, side: 'right' as const },
    ]
    expect(
      table(
        columns,
        [
          ['a', '1', ''],
          ['bcd', '23', ''],
        ],
        80,
      ),
    ).toEqual([...['name  value', 'a         1', 'bcd      23']])
    expect(table(columns, [['a', '1', '']], 8)).toEqual(['name', 'a'])
  })

  test('fit a narrow terminal', async () => {
    const io = testIo()
    io.stdout.columns = 80
    expect(await run(['sim', 'run', file], io, simulator().simulate)).toBe(0)
    const rows = io.stdout.lines.filter((line) => /^(strategy|kadmium|oracle) /.test(line))
    expect(rows.length).toBeGreaterThan(6)
    expect(rows.filter((row) => row.length > 80)).toEqual([])
  })

  test('have numbers that can be read', () => {
    expect([0, 0.123, 12.34, 123.4, 12_345, 7].map(number)).toEqual([
      ...['0', '0.12', '12.3', '123', '12,345', '7'],
    ])
    expect([
      ratio(3, 2),
      ratio(1, 0),
      ratio(undefined, 1),
      withRatio(3, 2),
      withRatio(3, undefined),
    ]).toEqual([...['1.50x', '', '', '3 (1.50x)', '3']])
    expect([percent(999_999, 1e6), percent(1, 1), percent(0, 0)]).toEqual(['99.9', '100', ''])
    expect([short(5), short(1_234), short(12e6), short(3.4e9)]).toEqual([
      '5',
      '1.2 k',
      '12.0 M',
      '3.4 G',
    ])
    expect([duration(59.9), duration(600), duration(9_000)]).toEqual(['59 s', '10.0 min', '2.5 h'])
  })
})
