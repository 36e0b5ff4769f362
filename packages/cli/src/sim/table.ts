/** Tables of plain text for a terminal, and numbers in them. */

export interface Column {
  title: string
  /** Which columns go first where the terminal is narrow: the highest. 0 for those that always stay. */
  spare: number
  /** Text stands at the left, numbers at the right. */
  side: 'left' | 'right'
}

const GAP = 2

/** Rows under their titles, no wider than `width` as far as there are columns to spare. A row of no cells is an empty line. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  const used = columns.map((_, i) => rows.some((row) => (row[i] ?? '') !== ''))
  let kept = columns.map((_, i) => i).filter((i) => used[i])
  const widthOf = (i: number): number =>
    Math.max(
      ...[columns[i]?.title ?? '', ...rows.map((row) => row[i] ?? '')].map(({ length }) => length),
    )
  const total = (): number => kept.reduce((sum, i) => sum + widthOf(i) + GAP, -GAP)
  const spare = (i: number): number => columns[i]?.spare ?? 0
  while (total() > width && kept.some((i) => spare(i) > 0)) {
    const most = Math.max(...kept.map(spare))
    kept = kept.filter((i) => spare(i) < most)
  }
  const line = (cells: readonly string[]): string =>
    kept
      .map((i) => {
        const cell = cells[i] ?? ''
        return columns[i]?.side === 'left' ? cell.padEnd(widthOf(i)) : cell.padStart(widthOf(i))
      })
      .join(' '.repeat(GAP))
      .trimEnd()
  return [columns.map(({ title }) => title), ...rows].map(line)
}

/** A number to read, three figures of it at least; empty for none. */
export function number(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return ''
  const size = Math.abs(value)
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

/** How many times `base` goes into `value`: `1.3x`; empty where one is missing or 0. */
export function ratio(value: number | undefined, base: number | undefined): string {
  if (value === undefined || base === undefined || !(value > 0) || !(base > 0)) return ''
  return `${number(value / base)}x`
}

/** A number with its ratio in brackets. */
export function withRatio(value: number | undefined, base: number | undefined): string {
  const times = ratio(value, base)
  return times === '' ? number(value) : `${number(value)} (${times})`
}

/** `part` of `whole` in percent. */
export function percent(part: number, whole: number): string {
  if (!(whole > 0)) return ''
  // Rounded down, so that 100 means all.
  return number(Math.floor((part / whole) * 1_000) / 10)
}

/** A large number in few letters: `1.2 M`. */
export function short(value: number): string {
  const [size, letter] = [[1e9, ' G'] as const, [1e6, ' M'] as const, [1e3, ' k'] as const].find(
    ([least]) => value >= least,
  ) ?? [1, '']
  const scaled = value / size
  return `${scaled.toFixed(scaled >= 100 || size === 1 ? 0 : 1)}${letter}`
}

/** Simulated seconds: `45 s`, `12.5 min`, `9.0 h`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`
  return seconds < 7_200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3_600).toFixed(1)} h`
}
