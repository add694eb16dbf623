/**
 * OPA numbers the locals of each rule body afresh, so that the blocks of one planned function use the same numbers for
 * different things. Here they get numbers of their own where that changes nothing, so that an analysis which does not
 * follow the order of statements does not mix them up.
 */

import type { Block } from "./plan.js";

/** Fields of statements that hold a local's number; of literals too, which then only count as one more mention. */
const LOCAL_FIELDS: ReadonlySet<string> = new Set(
  "target result source key value array object set local a b".split(" "),
);
const WRITTEN: ReadonlySet<string> = new Set(["target", "result"]);

type RawStatement = { readonly type: string; readonly stmt?: Readonly<Record<string, unknown>> };

/**
 * The blocks with locals renumbered. A local is renumbered only where every block that mentions it assigns it before each
 * reading, whatever inner blocks do: then no block can see what another has put there. `fixed` stay.
 */
export function separateLocals(blocks: readonly Block[], fixed: readonly number[]): readonly Block[] {
  const mentions = blocks.map((block) => mentionsIn(block, new Set()));
  const shared = new Set(fixed);
  for (const mentioned of mentions) for (const [local, fresh] of mentioned) if (!fresh) shared.add(local);
  let next = 1 + Math.max(0, ...fixed, ...mentions.flatMap((mentioned) => [...mentioned.keys()]));
  return blocks.map((block) => {
    const numbers = new Map<number, number>();
    const renumber = (local: number): number => {
      if (shared.has(local)) return local;
      const number = numbers.get(local) ?? next++;
      numbers.set(local, number);
      return number;
    };
    return rewritten(block, renumber) as Block;
  });
}

/**
 * The locals that a block mentions, each with whether it is assigned before each reading. What an inner block assigns is
 * not assigned after it: an inner block may end early.
 */
function mentionsIn(block: Block, outside: ReadonlySet<number>): ReadonlyMap<number, boolean> {
  const assigned = new Set(outside);
  const mentions = new Map<number, boolean>();
  const mention = (local: number, fresh: boolean): void => {
    mentions.set(local, fresh && mentions.get(local) !== false);
  };
  for (const { type, stmt = {} } of block.stmts as readonly RawStatement[]) {
    const { block: inner, blocks: inners = [], ...fields } = stmt as { block?: Block; blocks?: readonly Block[] };
    const written = writtenBy(type, fields);
    for (const local of readBy(type, fields)) mention(local, assigned.has(local));
    // A scan assigns its key and value for each run of its block.
    const within = type === "ScanStmt" ? new Set([...assigned, ...written]) : assigned;
    for (const each of inner === undefined ? inners : [inner]) {
      for (const [local, fresh] of mentionsIn(each, within)) mention(local, fresh);
    }
    for (const local of written) {
      mention(local, true);
      if (type !== "ScanStmt") assigned.add(local);
    }
  }
  return mentions;
}

type Fields = Readonly<Record<string, unknown>>;

function writtenBy(type: string, fields: Fields): readonly number[] {
  return Object.entries(fields).flatMap(([field, value]) =>
    isWritten(type, field) && typeof value === "number" ? [value] : [],
  );
}

function readBy(type: string, fields: Fields): readonly number[] {
  return Object.entries(fields).flatMap(([field, value]) => (isWritten(type, field) ? [] : localsIn(field, value)));
}

function isWritten(type: string, field: string): boolean {
  return WRITTEN.has(field) || (type === "ScanStmt" && (field === "key" || field === "value"));
}

function localsIn(field: string, value: unknown): readonly number[] {
  if (typeof value === "number") return LOCAL_FIELDS.has(field) ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  if (isLocal(value)) return [value.value];
  return Object.entries(value).flatMap(([inner, item]) => localsIn(inner, item));
}

function rewritten(value: unknown, renumber: (local: number) => number, field = ""): unknown {
  if (typeof value === "number") return LOCAL_FIELDS.has(field) ? renumber(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => rewritten(item, renumber));
  if ("type" in value && value.type !== "local" && !("stmt" in value) && "value" in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rewritten(item, renumber, key)]));
}

function isLocal(value: object): value is { readonly type: "local"; readonly value: number } {
  return "type" in value && value.type === "local" && "value" in value && typeof value.value === "number";
}
