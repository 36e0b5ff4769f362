// Runs in the report: draws each chart as wide as its place, and again when that changes.
const { Plot } = globalThis
const charts = JSON.parse(document.getElementById('charts').textContent)
const STYLES = 8
const HEIGHT = 260

const format = (value) =>
  value.toLocaleString('en', { maximumSignificantDigits: Math.abs(value) >= 1000 ? 4 : 3 })

const rows = (chart) =>
  chart.series.flatMap(({ name, style, points }) =>
    points.map(([x, y]) => ({ x, y, name, style: `line s${style % STYLES}` })),
  )

function marksOf(chart, data) {
  const y = (value) => (chart.y.percent ? `${format(value * 100)} %` : format(value))
  const bands = chart.bands.length > 1 ? chart.bands : []
  return [
    Plot.rect(
      bands.filter((_, i) => i % 2 === 1),
      { x1: 'from', x2: 'to', className: 'band', fill: 'var(--band)', ariaLabel: 'name' },
    ),
    Plot.text(bands, {
      x: ({ from, to }) => (from + to) / 2,
      text: 'name',
      frameAnchor: 'top',
      dy: -12,
      fill: 'currentColor',
    }),
    Plot.gridY({ stroke: 'var(--grid)', strokeOpacity: 1 }),
    ...chart.series.map((series) =>
      Plot.line(series.points, {
        x: ([x]) => x,
        y: ([, y]) => y,
        className: `line s${series.style % STYLES}`,
        stroke: 'currentColor',
        strokeWidth: 2,
        curve: chart.isStepped ? 'step-after' : 'linear',
        ariaLabel: () => series.name,
      }),
    ),
    Plot.tip(
      data,
      Plot.pointer({
        x: 'x',
        y: 'y',
        title: (d) => `${d.name}\n${format(d.x)} ${chart.x.label}\n${y(d.y)}`,
        fill: 'var(--paper)',
        stroke: 'var(--grid)',
      }),
    ),
  ]
}

function draw(chart, place) {
  const width = Math.max(260, Math.floor(place.clientWidth))
  const data = rows(chart)
  const isNarrow = width < 420
  const last = chart.bands.at(-1)?.to
  const svg = Plot.plot({
    width,
    height: HEIGHT,
    marginTop: chart.bands.length > 1 ? 44 : 28,
    marginLeft: 48,
    marginBottom: 40,
    style: { background: 'none', fontSize: '12px', overflow: 'visible' },
    x: {
      ...(last === undefined ? {} : { domain: [0, last] }),
      type: chart.x.scale === 'log' ? 'log' : 'linear',
      label: chart.x.label,
      labelAnchor: 'center',
      labelArrow: 'none',
      ticks: isNarrow ? 4 : 7,
      tickFormat: chart.x.scale === 'log' ? '~s' : undefined,
      nice: chart.x.scale !== 'log' && chart.bands.length === 0,
    },
    y: {
      label: chart.y.label,
      labelArrow: 'none',
      domain: [0, chart.y.max ?? Math.max(1e-9, ...data.map(({ y }) => y)) * 1.05],
      tickFormat: chart.y.percent ? '~%' : '~s',
      ticks: 5,
    },
    marks: marksOf(chart, data),
  })
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', `${chart.title}. ${chart.summary}`)
  place.replaceChildren(svg)
}

// Charts are drawn when they come near, and all of them for paper.
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) show(target)
  },
  { rootMargin: '800px' },
)
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) if (target.firstElementChild !== null) show(target)
})
const drawn = new Map()
function show(place) {
  if (drawn.get(place) === place.clientWidth) return
  drawn.set(place, place.clientWidth)
  draw(
    charts.find(({ id }) => id === place.dataset.chart),
    place,
  )
}
const places = document.querySelectorAll('[data-chart]')
for (const place of places) {
  near.observe(place)
  widths.observe(place)
}
addEventListener('beforeprint', () => {
  for (const place of places) show(place)
})
