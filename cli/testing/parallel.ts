/** Doing many things, so many of them at a time. */

/** The results in the order of the items. The first failure is thrown once what runs has ended; nothing new is begun. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = new Array(items.length);
  const waiting = items.entries();
  const failures: unknown[] = [];
  const run = async (): Promise<void> => {
    for (const [at, item] of waiting) {
      if (failures.length > 0) return;
      try {
        results[at] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, run));
  if (failures.length > 0) throw failures[0];
  return results;
}
