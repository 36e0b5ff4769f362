/** Runs a task for each thing, at most so many at once, and ends when all have; the first failure rejects. */
export async function eachLimited<T>(
  things: readonly T[],
  limit: number,
  task: (thing: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < things.length) {
      const index = next++
      await task(things[index] as T, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, things.length) }, worker))
}
