/** How the comparison writes figures and tables. */

/** A figure over seeds. */
export interface Spread {
  median: number
  least: number
  most: number
}

/** Nothing where there are no values. */
export function spread(values: readonly number[]): Spread | undefined {
  const rising = values.toSorted((a, b) => a - b)
  const [least] = rising
  const most = rising.at(-1)
  if (least === undefined || most === undefined) return undefined
  const middle = (rising.length - 1) / 2
  const low = rising[Math.floor(middle)] ?? least
  const high = rising[Math.ceil(middle)] ?? most
  return { median: (low + high) / 2, least, most }
}

/** Median, and the range in brackets where there is one. */
export function cellText(
  values: Spread | undefined,
  text: (value: number) => string = figureText,
): string {
  if (values === undefined) return ''
  const [median, least, most] = [text(values.median), text(values.least), text(values.most)]
  return least === most ? median : `${median} (${least}–${most})`
}

/** Three digits, more of whole numbers. */
export function figureText(value: number): string {
  const rounded = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 6 })
}

/** A share may be rounded to 100 only where it is. */
export function percentText(value: number): string {
  const rounded = Math.floor(value * 100) / 100
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 2 })
}

/** A table of markdown; empty columns are left out. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const kept = titles.map((_, column) => rows.some((row) => row[column] !== ''))
  const line = (cells: readonly string[]): string =>
    `| ${cells.filter((_, column) => kept[column]).join(' | ')} |`
  return [line(titles), `|${'---|'.repeat(kept.filter(Boolean).length)}`, ...rows.map(line)]
}
