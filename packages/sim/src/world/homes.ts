/** Where nodes live: regions by the mix, and the large groups of addresses, each within one region, of sizes like 1, 1/2, 1/3 ... */
import { REGIONS, type Scenario } from '../scenario/scenario.ts'

export class Homes {
  /** For each region the share of all nodes that live in it or in those before it. */
  private readonly sums: number[]
  /** Its first group, and for each of its groups the share of the region's that live in it or in those before it. */
  private readonly firsts: number[] = []
  private readonly places: number[][] = []
  private readonly concentrated: number

  /** Without a mix everybody lives in the first region: other models of links don't ask. */
  constructor({ world }: Scenario) {
    const weights = REGIONS.map((name): number => world.link.mix[name] ?? 0)
    if (!weights.some((weight) => weight > 0)) weights[0] = 1
    this.sums = shares(weights)
    const { groups } = world.addresses
    let before = 0
    for (const part of this.sums) {
      const behind = Math.round(part * groups)
      this.firsts.push(before + 1)
      this.places.push(shares(Array.from({ length: behind - before }, (_, i) => 1 / (i + 1))))
      before = behind
    }
    // Regions too small for a group of their own have none; the others make up for them.
    const weight = (region: number): number => (weights[region] as number) / sum(weights)
    const grouped = sum(
      this.places.map((places, region) => (places.length > 0 ? weight(region) : 0)),
    )
    this.concentrated = Math.min(1, world.addresses.concentratedShare / grouped)
  }

  region(chance: number): number {
    return pick(this.sums, chance)
  }

  /** One of the large groups in the region; 0 for a group of one's own. */
  group(region: number, chance: number): number {
    const places = this.places[region] as number[]
    if (places.length === 0 || chance >= this.concentrated) return 0
    return (this.firsts[region] as number) + pick(places, chance / this.concentrated)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, part) => total + part, 0)
}

/** Weights as shares summed up, the last of them 1. */
function shares(weights: readonly number[]): number[] {
  let total = 0
  const sums = weights.map((weight) => {
    total += weight
    return total
  })
  return sums.map((part) => part / total)
}

/** The first whose sum is above the chance. */
function pick(sums: readonly number[], chance: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (chance < (sums[middle] as number)) high = middle
    else low = middle + 1
  }
  return low
}
