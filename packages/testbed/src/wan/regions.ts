/**
 * Round trips between world regions, as data: the median RTT in ms between two peers of the given regions,
 * aggregated from the country-pair means of RIPE Atlas of March-April 2025 (6,827 pairs), weighted by a
 * plausible population of DHT nodes. Both implementations run over the same matrix.
 */

export const REGIONS = [
  'NA',
  'SA',
  'EUW',
  'EUN',
  'EUE',
  'EAS',
  'CN',
  'SEA',
  'SAS',
  'OC',
  'ME',
  'AF',
] as const

export type Region = (typeof REGIONS)[number]

const RTT_P50_MS: Readonly<Record<Region, readonly number[]>> = {
  NA: [108, 181, 115, 122, 138, 138, 144, 148, 212, 192, 163, 220],
  SA: [181, 100, 207, 218, 230, 307, 332, 302, 334, 321, 250, 291],
  EUW: [115, 207, 42, 43, 53, 219, 225, 166, 173, 260, 84, 178],
  EUN: [122, 218, 43, 16, 49, 260, 233, 191, 182, 279, 85, 163],
  EUE: [138, 230, 53, 49, 54, 256, 263, 203, 190, 293, 106, 183],
  EAS: [138, 307, 219, 260, 256, 23, 84, 88, 156, 182, 268, 331],
  CN: [144, 332, 225, 233, 263, 84, 24, 175, 148, 272, 280, 354],
  SEA: [148, 302, 166, 191, 203, 88, 175, 74, 130, 153, 200, 320],
  SAS: [212, 334, 173, 182, 190, 156, 148, 130, 44, 183, 207, 317],
  OC: [192, 321, 260, 279, 293, 182, 272, 153, 183, 49, 306, 398],
  ME: [163, 250, 84, 85, 106, 268, 280, 200, 207, 306, 112, 217],
  AF: [220, 291, 178, 163, 183, 331, 354, 320, 317, 398, 217, 79],
}

/** The round trip between peers of two regions, in ms; symmetric. */
export function rttMs(a: Region, b: Region): number {
  const row = RTT_P50_MS[a]
  const value = row[REGIONS.indexOf(b)]
  if (value === undefined) throw new RangeError(`no round trip for ${a}-${b}`)
  return value
}

/** A population: how many of the nodes live where, in percent (need not sum to 100). */
export type Population = Readonly<Partial<Record<Region, number>>>

/**
 * Where DHT servers stood in 2024 ("cloud 2024"): US 45, CA 4; DE 15, NL 5, FR 5, GB 4; FI 4; RU, PL 1 each;
 * KR 3, JP 2; CN 4; SG 4; AU, IN, BR 1 each.
 */
export const CLOUD_2024: Population = {
  NA: 49,
  EUW: 29,
  EUN: 4,
  EUE: 2,
  EAS: 5,
  CN: 4,
  SEA: 4,
  OC: 1,
  SAS: 1,
  SA: 1,
}

/**
 * Shares a count of nodes out over the regions of a population by the largest remainder, so that the
 * numbers depend on nothing but the arguments. Returns `count` regions, grouped by region.
 */
export function apportion(count: number, population: Population): Region[] {
  const total = Object.values(population).reduce((sum, share) => sum + share, 0)
  // In whole numbers, so that equal remainders are equal and the earlier region wins.
  const quotas = REGIONS.map((region) => {
    const parts = (population[region] ?? 0) * count
    return { region, whole: Math.floor(parts / total), rest: parts % total }
  })
  let missing = count - quotas.reduce((sum, quota) => sum + quota.whole, 0)
  for (const quota of [...quotas].sort((a, b) => b.rest - a.rest)) {
    if (missing === 0) break
    quota.whole++
    missing--
  }
  return quotas.flatMap(({ region, whole }) => Array.from({ length: whole }, () => region))
}
