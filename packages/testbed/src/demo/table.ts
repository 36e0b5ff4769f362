/** Plain text tables: the first column to the left, all others to the right. */

/** Rows of equal length; a row of no cells is a rule. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    }
  }
  const total = widths.reduce((sum, width) => sum + width, 0) + 2 * Math.max(0, widths.length - 1)
  const line = (row: readonly string[]): string => {
    if (row.length === 0) return '-'.repeat(total)
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return cells.join('  ').trimEnd()
  }
  return rows.map(line).join('\n')
}

/** A number to read: no decimals from 100 on, one from 10 on, else two; a dash for none. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  return value.toFixed(size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2)
}

export function percent(share: number): string {
  return `${number(Math.round(share * 1_000) / 10)} %`
}

/** How many times `a` goes into `b`, as `4.2x`; a dash when either is missing or 0. */
export function times(a: number | null | undefined, b: number | null | undefined): string {
  return a && b ? `${number(b / a)}x` : '-'
}
