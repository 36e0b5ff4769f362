/**
 * Round trips in eight bits: 255 steps of 3.5 % or of one quarter of a millisecond, whichever is more, up to
 * 16 s. Only rows of which nothing else is known hold them so; what is measured is kept to the quarter.
 */

/** The greatest round trip that is told apart, in quarters of a millisecond. */
export const ROUND_TRIP_MAX = 0xffff

const STEPS = 256
const FACTOR = 1.035

/** The round trip of each step, ascending; 0 for none. */
const TRIPS = new Uint16Array(STEPS)
for (let step = 1, trip = 1; step < STEPS; step++) {
  TRIPS[step] = trip
  trip = Math.min(Math.max(trip + 1, Math.round(trip * FACTOR)), ROUND_TRIP_MAX)
}

/** The nearest step of each round trip: made when it is first asked for. */
let nearest = new Uint8Array(0)

/** The round trip of a step 0..255, in quarters of a millisecond. */
export function roundTripOf(step: number): number {
  return TRIPS[step] as number
}

/** The step that comes nearest to a round trip of 0..65,535 quarters of a millisecond; 0 for 0. */
export function stepOf(trip: number): number {
  if (nearest.length === 0) nearest = nearestSteps()
  return nearest[trip] as number
}

function nearestSteps(): Uint8Array<ArrayBuffer> {
  const steps = new Uint8Array(ROUND_TRIP_MAX + 1)
  let step = 1
  for (let trip = 1; trip < steps.length; trip++) {
    while (step + 1 < STEPS && 2 * trip > roundTripOf(step) + roundTripOf(step + 1)) step++
    steps[trip] = step
  }
  return steps
}
