/** What workers tell while they run: words of shared memory, written by one and read by the main thread. */

/** The simulated time that the worker has reached, ms. */
export const NOW = 1
/** Events so far. */
export const EVENTS = 2
/** The share of its world that is built, 0..1. */
export const BUILT = 3
/** Not 0: all are to stop at the end of their window, or to build no further. Of the first worker's words, written by the main thread. */
export const STOPPED = 0
/** Words of one worker. */
export const WORDS_OF_WORKER = 8

/** Takes a line of the trace. */
export type TellTrace = (line: string) => void
/** Is told now and then which share of a world is built, 0..1. */
export type TellShare = (share: number) => void
