/**
 * Round trips between regions: the 10th, 50th and 90th percentile over pairs of countries, weighted by
 * where nodes live, from RIPE Atlas pings of March-April 2025. Rows and columns in the order of `REGIONS`.
 * Source: docs/calibration.md.
 */
import { REGIONS } from '../scenario/scenario.ts'

const P10 = [
  '87 130 114 117 116 51 144 46 212 189 139 209',
  '130 41 167 177 197 240 224 291 334 275 200 254',
  '114 167 28 32 35 164 169 159 162 249 61 149',
  '117 177 32 10 32 163 75 153 162 259 66 151',
  '116 197 35 32 11 179 178 176 182 276 61 158',
  '51 240 164 163 179 5 74 60 109 123 169 298',
  '144 224 169 75 178 74 24 150 148 197 254 305',
  '46 291 159 153 176 60 150 28 109 140 135 289',
  '212 334 162 162 182 109 148 109 44 183 166 281',
  '189 275 249 259 276 123 197 140 183 49 240 375',
  '139 200 61 66 61 169 254 135 166 240 1 176',
  '209 254 149 151 158 298 305 289 281 375 176 13',
]

const P50 = [
  '108 181 115 122 138 138 144 148 212 192 163 220',
  '181 100 207 218 230 307 332 302 334 321 250 291',
  '115 207 42 43 53 219 225 166 173 260 84 178',
  '122 218 43 16 49 260 233 191 182 279 85 163',
  '138 230 53 49 54 256 263 203 190 293 106 183',
  '138 307 219 260 256 23 84 88 156 182 268 331',
  '144 332 225 233 263 84 24 175 148 272 280 354',
  '148 302 166 191 203 88 175 74 130 153 200 320',
  '212 334 173 182 190 156 148 130 44 183 207 317',
  '192 321 260 279 293 182 272 153 183 49 306 398',
  '163 250 84 85 106 268 280 200 207 306 112 217',
  '220 291 178 163 183 331 354 320 317 398 217 79',
]

const P90 = [
  '108 205 122 128 162 170 144 196 212 192 202 238',
  '205 146 238 238 274 317 345 369 369 345 354 333',
  '122 238 60 60 98 296 247 225 183 277 153 192',
  '128 238 60 26 79 314 245 256 213 299 173 197',
  '162 274 98 79 96 361 278 273 224 310 176 225',
  '170 317 296 314 361 94 221 175 157 235 285 394',
  '144 345 247 245 278 221 24 221 148 272 281 354',
  '196 369 225 256 273 175 221 85 137 183 270 339',
  '212 369 183 213 224 157 148 137 44 246 214 317',
  '192 345 277 299 310 235 272 183 246 57 322 427',
  '202 354 153 173 176 285 281 270 214 322 186 284',
  '238 333 192 197 225 394 354 339 317 427 284 116',
]

/** Knots of the quantile function of one pair of regions: at 0, 0.1, 0.5, 0.9 and 1. */
export const KNOTS = 5

/**
 * Knots of all pairs of regions, `KNOTS` numbers each, ms, at `(row * REGIONS.length + column) * KNOTS`. The source
 * ends at p10 and p90. Beyond them: within a region the nearest pair is as near as the world allows (one data
 * centre); between regions a quarter of the way from p50 to p10 further down; at the top a quarter of that from p50 to p90.
 */
export function regionKnots(leastRttMs: number): Float64Array {
  const [p10, p50, p90] = [P10, P50, P90].map(numbers) as [number[], number[], number[]]
  const cells = REGIONS.length * REGIONS.length
  const knots = new Float64Array(cells * KNOTS)
  for (let cell = 0; cell < cells; cell++) {
    const [low, middle, high] = [p10[cell], p50[cell], p90[cell]] as [number, number, number]
    const within = cell % (REGIONS.length + 1) === 0
    const least = within ? leastRttMs : low - (middle - low) / 4
    const row = [least, low, middle, high, high + (high - middle) / 4]
    for (let i = 0; i < KNOTS; i++) knots[cell * KNOTS + i] = Math.max(leastRttMs, row[i] as number)
  }
  return knots
}

function numbers(rows: readonly string[]): number[] {
  return rows.flatMap((row) => row.split(' ').map(Number))
}
