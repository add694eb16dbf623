/** "Did you mean": the nearest of some names, by edit distance. */

/** The name nearest to `word`, if it is near enough to be what was meant. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, edits: edits(word, name) }))
    .filter(({ name, edits: needed }) => needed <= Math.max(1, Math.floor(Math.max(word.length, name.length) / 2.5)))
    .sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1));
  return best?.name;
}

/** How many insertions, deletions, substitutions and swaps of neighbours turn `a` into `b` (optimal string alignment). */
function edits(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i += 1) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const ways = [
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + same,
        ...(swapped ? [at(i - 2, j - 2) + 1] : []),
      ];
      rows[i]?.push(Math.min(...ways));
    }
  }
  return at(a.length, b.length);
}
