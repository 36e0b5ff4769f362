/**
 * The report of a simulation in headless Chromium, opened as a file: every chart has marks, in light and dark, wide and on a
 * phone, and nothing is asked of any network. `KADMIUM_SHOTS=DIR` keeps pictures to look at.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadScenario, renderReport } from '@kadmium/sim'
import { madeUpRun } from '@kadmium/testkit'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findChromium } from './chromium.ts'

const executable = findChromium()
const isRequired = (process.env.KADMIUM_REQUIRE ?? '').split(',').includes('chromium')
if (executable === undefined && !isRequired)
  console.warn('\n!!! SKIPPED: the report in a browser. There is no `chromium` on the PATH.\n')

const COMMAND = "npx kadmium sim run smoke --set 'strategies=[a,b]'"

interface Look {
  name: string
  width: number
  height: number
  colorScheme: 'light' | 'dark'
}

const LOOKS: readonly Look[] = [
  { name: 'wide', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'phone', width: 375, height: 740, colorScheme: 'light' },
]

describe.skipIf(executable === undefined && !isRequired)('a report', () => {
  let folder: string
  let browser: Browser
  let ids: string[]
  const asked: string[] = []
  const complaints: string[] = []

  beforeAll(async () => {
    if (executable === undefined) throw new Error('KADMIUM_REQUIRE wants chromium: it is not there')
    folder = mkdtempSync(join(tmpdir(), 'kadmium-report-'))
    const scenario = await loadScenario('smoke')
    const lost = { checker: 'records', atMs: 61_500, text: 'a record <b>lost</b>' }
    const text = renderReport(madeUpRun(scenario, { kadmium: [lost] }), scenario, COMMAND)
    writeFileSync(join(folder, 'report.html'), text)
    ids = [...text.matchAll(/data-chart="([^"]+)"/g)].map(([, id = '']) => id)
    // Chromium refuses to run its sandbox as root.
    const chromiumSandbox = process.getuid?.() !== 0
    browser = await chromium.launch({
      executablePath: executable,
      chromiumSandbox,
      args: ['--disable-gpu'],
    })
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function open({ width, height, colorScheme }: Look): Promise<Page> {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme })
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(pathToFileURL(join(folder, 'report.html')).href)
    return page
  }

  test('has a chart for each figure and operation', () => {
    for (const operation of ['get', 'put', 'provide', 'findProviders', 'findPeer', 'ipns'])
      for (const kind of ['latencyMs', 'hops', 'rpcs'])
        expect(ids).toContain(`${kind}-${operation}`)
    for (const id of ['success', 'timeouts', 'requests', 'load', 'up'])
      expect(ids).toContain(`time-${id}`)
    expect(ids).toContain('scores-kadmium')
  })

  test.each(LOOKS)('has marks in every chart, $name', async (look) => {
    const page = await open(look)
    for (const id of ids) {
      const place = page.locator(`[data-chart="${id}"]`)
      await place.scrollIntoViewIfNeeded()
      const chart = place.locator('svg[role=img]')
      expect(await chart.getAttribute('aria-label'), id).toMatch(/\w+.*: .*\w+ [\d.–]/)
      // A mark is a path with a length.
      const lines = await chart
        .locator('g.line path')
        .evaluateAll((paths) => paths.map((path) => (path as SVGPathElement).getTotalLength()))
      expect(lines.length, id).toBeGreaterThanOrEqual(id.startsWith('scores') ? 2 : 8)
      for (const size of lines) expect(size, id).toBeGreaterThan(20)
    }
    // Nothing sticks out at the right: the page itself does not scroll sideways.
    const sticksOut = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
    expect(sticksOut).toBe(false)
    if (process.env.KADMIUM_SHOTS !== undefined)
      await page.screenshot({
        path: join(process.env.KADMIUM_SHOTS, `${look.name}.png`),
        fullPage: true,
      })
    await page.close()
  })

  test('has colours that can be read on both papers', async () => {
    for (const look of LOOKS.slice(0, 2)) {
      const page = await open(look)
      const colours = (await page.evaluate(
        `[getComputedStyle(document.body).backgroundColor, ...[...document.querySelectorAll('.swatch .line')].map((line) => getComputedStyle(line).stroke)]`,
      )) as string[]
      const [paper, ...inks] = colours.map(luminance)
      expect(inks.length).toBeGreaterThanOrEqual(8)
      for (const ink of inks) expect(contrast(paper ?? 0, ink)).toBeGreaterThan(3)
      await page.close()
    }
  })

  test('tells what failed, and shows what comes from outside as text', async () => {
    const page = await open(LOOKS[0] as Look)
    expect(await page.locator('.verdict').textContent()).toContain(
      'the checkers found 1 violation.',
    )
    expect(await page.locator('#checkers').textContent()).toContain('a record <b>lost</b>')
    expect(await page.locator('.command').textContent()).toBe(COMMAND)
    await page.close()
  })

  test('has a table behind each chart, also for the keyboard', async () => {
    const page = await open(LOOKS[2] as Look)
    for (const id of ids) {
      const rows = await page.locator(`figure#${id} details tbody tr`).count()
      expect(rows, id).toBeGreaterThan(3)
    }
    const summary = page.locator(`figure#${ids[0]} summary`)
    await summary.focus()
    await page.keyboard.press('Enter')
    expect(await page.locator(`figure#${ids[0]} table`).isVisible()).toBe(true)
    await page.close()
  })

  test('asked for nothing but itself, and the browser had nothing to complain of', () => {
    expect(new Set(asked)).toEqual(new Set([pathToFileURL(join(folder, 'report.html')).href]))
    expect(complaints).toEqual([])
  })
})

/** Relative luminance of `rgb(r, g, b)`, 0..1 (WCAG 2). */
function luminance(colour: string): number {
  const parts = (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map((part) => {
    const share = Number(part) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * (parts[0] ?? 0) + 0.7152 * (parts[1] ?? 0) + 0.0722 * (parts[2] ?? 0)
}

function contrast(a: number, b: number): number {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}
