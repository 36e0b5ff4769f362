/** A run as one HTML file that stands alone: it loads nothing, and reads well in light and dark, on a phone and without eyes. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Run } from '../measure/result.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { type Chart, figure, type Section, sections } from './charts.ts'
import { embedded, Html, html, htmlTable } from './html.ts'
import {
  assertionList,
  bulkTable,
  operationTable,
  parameterTable,
  strategyTable,
  violationList,
} from './tables.ts'

/** Colours that there are; a strategy above that takes one again with other dashes. */
const STYLES = 8

/**
 * The report of a run as a whole HTML document. `command` is shown as what reproduces it. The file holds its data, styles and
 * the plotting library, some 600 kB, and asks no network for anything.
 */
export function renderReport(run: Run, scenario: Scenario, command: string): string {
  const parts = sections(run)
  const charts = parts.flatMap((section) => section.charts)
  const { result } = run
  const names = Object.keys(result.strategies)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${result.scenario} – Kadmium simulation</title>
<style>${asset('page.css')}</style>
</head>
<body>
<header>
<h1>${result.scenario}</h1>
<p>${scenario.description}</p>
<dl>${facts(run)}</dl>
<p>The same again: <code class="command">${command}</code></p>
${verdict(run)}
<nav aria-label="Contents"><ul>${contents(parts)}</ul></nav>
</header>
<main>
<section id="figures"><h2>Figures</h2>${operationTable(run)}${bulkTable(run)}${strategyTable(run)}</section>
<section id="assertions"><h2>Assertions</h2>${assertionList(run)}</section>
<section id="checkers"><h2>Checkers</h2>${violationList(run)}</section>
${parts.map((section) => sectionHtml(section, names))}
<section id="parameters"><h2>Parameters</h2><details><summary>All keys of the scenario</summary>${parameterTable(scenario)}</details></section>
</main>
<noscript><p>The charts want JavaScript; the table behind each of them does not.</p></noscript>
<script type="application/json" id="charts">${embedded(charts.map(drawn))}</script>
<script>${library('d3', 'd3.min.js')}</script>
<script>${library('@observablehq/plot', '../dist/plot.umd.min.js')}</script>
<script type="module">${asset('page.js')}</script>
</body>
</html>
`.text
}

/** What the page needs to draw a chart. */
function drawn({ table: _, ...chart }: Chart): Omit<Chart, 'table'> {
  return chart
}

function facts({ result }: Run): Html[] {
  const { nodes, seed, threads, wallSeconds, peakRssBytes } = result
  const list: [string, string][] = [
    ['nodes', figure(nodes)],
    ['seed', String(seed)],
    ['threads', String(threads)],
    ['wall time', `${figure(wallSeconds)} s`],
    ['memory', `${figure(peakRssBytes / 1e6)} MB`],
  ]
  return list.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)
}

/** Whether all is well, in a line at the top. */
function verdict({ assertions, violations }: Run): Html {
  const failed = assertions.filter(({ holds }) => !holds).length
  const found = Object.values(violations).reduce((sum, list) => sum + list.length, 0)
  const count = assertions.length
  const held =
    failed === 0 ? `All ${count} assertions hold` : `${failed} of ${count} assertions FAILED`
  const seen = found === 0 ? 'nothing' : `${found} violation${found === 1 ? '' : 's'}`
  const isWell = failed === 0 && found === 0
  const text = `${held}; the checkers found ${seen}.`
  return html`<p class="verdict ${isWell ? 'good' : 'bad'}">${text}</p>`
}

function contents(parts: readonly Section[]): Html[] {
  const titles = [
    'Figures',
    'Assertions',
    'Checkers',
    ...parts.map(({ title }) => title),
    'Parameters',
  ]
  return titles.map((title) => html`<li><a href="#${anchor(title)}">${title}</a></li>`)
}

function anchor(title: string): string {
  return title.toLowerCase().replaceAll(' ', '-')
}

function sectionHtml({ title, text, charts }: Section, names: readonly string[]): Html {
  const isOfStrategies = title !== 'Scores'
  return html`<section id="${anchor(title)}"><h2>${title}</h2><p>${text}</p>
${isOfStrategies ? legend(names.map((name, style) => ({ name, style }))) : legend(charts[0]?.series ?? [])}
<div class="charts">${charts.map(chartHtml)}</div></section>
`
}

function legend(series: readonly { name: string; style: number }[]): Html {
  const items = series.map(
    ({ name, style }) =>
      html`<li><svg class="swatch" viewBox="0 0 28 8" aria-hidden="true"><line x1="0" y1="4" x2="28" y2="4" class="line s${style % STYLES}"/></svg>${name}</li>`,
  )
  return html`<ul class="legend" aria-label="Legend">${items}</ul>`
}

function chartHtml({ id, title, summary, table }: Chart): Html {
  return html`<figure id="${id}"><figcaption id="${id}-title">${title}</figcaption>
<div class="chart" data-chart="${id}"></div>
<p class="summary">${summary}</p>
<details><summary>The numbers</summary>${htmlTable(title, table.titles, table.rows)}</details></figure>
`
}

/** Files that are shipped as sources, since no compiler is to touch them. */
function asset(name: string): Html {
  return new Html(
    readFileSync(fileURLToPath(new URL(`../../src/report/${name}`, import.meta.url)), 'utf8'),
  )
}

/** A library as one script for browsers; `file` from where its entry lies. */
function library(name: string, file: string): Html {
  const entry = createRequire(import.meta.url).resolve(name)
  return new Html(readFileSync(new URL(file, `file://${entry}`), 'utf8'))
}
