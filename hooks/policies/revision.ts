/**
 * The order of a policy's revisions. Truth: this file. Two forms are ordered, each among its own:
 *
 * - numbers: `7`, `1.4.2`, one to eight of them, without leading zeros, compared one by one; a missing one is 0, so that
 *   `1.4` and `1.4.0` are the same;
 * - a time: RFC 3339 in UTC, `2026-11-22T12:00:00Z`, with at most milliseconds.
 *
 * Everything else, git hashes and `1.4-rc.1` too, has no order, and so cannot be seen to rise.
 */

type Revision =
  | { readonly form: "numbers"; readonly numbers: readonly number[] }
  | { readonly form: "time"; readonly milliseconds: number };

const NUMBERS = /^(?:0|[1-9]\d{0,14})(?:\.(?:0|[1-9]\d{0,14})){0,7}$/;
const TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,3})?Z$/;

/** Whether revisions like this one have an order. */
export function isOrdered(revision: string): boolean {
  return parse(revision) !== null;
}

/** Below 0 where `a` is older than `b`, 0 where they are the same, above 0 where it is newer; null: not comparable. */
export function compareRevisions(a: string, b: string): number | null {
  const [left, right] = [parse(a), parse(b)];
  if (left?.form === "numbers" && right?.form === "numbers") return compareNumbers(left.numbers, right.numbers);
  if (left?.form === "time" && right?.form === "time") return left.milliseconds - right.milliseconds;
  return null;
}

function parse(text: string): Revision | null {
  if (NUMBERS.test(text)) return { form: "numbers", numbers: text.split(".").map(Number) };
  const [, second] = TIME.exec(text) ?? [];
  if (second === undefined) return null;
  const milliseconds = Date.parse(text);
  // A day that the calendar does not have comes back as another.
  const exists = !Number.isNaN(milliseconds) && new Date(milliseconds).toISOString().startsWith(second);
  return exists ? { form: "time", milliseconds } : null;
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
