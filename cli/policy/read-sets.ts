/**
 * Which parts of `input` an entrypoint can read: an abstract interpretation of OPA's plan, made at build.
 *
 * Two inputs that agree on a read set get the same answer, as long as their objects have the keys that the Input schema
 * says they always have. So the sets may be too large, never too small: whatever is compared, passed to a builtin, stored,
 * scanned or returned counts with its whole subtree, and what is not understood counts as everything.
 */

import type { Block, Operand, Plan, PlannedFunction, Statement } from "./plan.js";
import { separateLocals } from "./plan-locals.js";

/** A path of keys below `input`, standing for its whole subtree. */
type ReadPath = readonly string[];

/** null: input as a whole. */
export type ReadSet = readonly ReadPath[] | null;

/** The read set of each plan, by the plan's name, which is the entrypoint's. */
export function readSets(plan: Plan): Readonly<Record<string, ReadSet>> {
  return Object.fromEntries(plan.plans.plans.map(({ name, blocks }) => [name, readSetOf(plan, blocks)]));
}

function readSetOf(plan: Plan, blocks: readonly Block[]): ReadSet {
  const analysis: Analysis = {
    strings: (plan.static.strings ?? []).map(({ value }) => value),
    functions: new Map((plan.funcs?.funcs ?? []).map((planned) => [planned.name, planned])),
    results: new Map(),
    reads: new Map(),
    everything: false,
    homes: 0,
  };
  interpret(analysis, { params: [INPUT], return: -1, blocks }, [[inputItself()]]);
  return analysis.everything ? null : minimal([...analysis.reads.values()]);
}

/** Paths that have no other as a prefix, sorted. */
function minimal(paths: readonly ReadPath[]): ReadSet {
  if (paths.some((path) => path.length === 0)) return null;
  const covers = (a: ReadPath, b: ReadPath) => a.length < b.length && a.every((key, index) => b[index] === key);
  return paths.filter((path) => !paths.some((other) => covers(other, path))).sort(byKeys);
}

function byKeys(a: ReadPath, b: ReadPath): number {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The local that holds the input, in every plan and function. */
const INPUT = 0;

/**
 * A part of the input that a local can hold. `home` is the block whose outcome its being defined decides; -1 where that
 * has been decided elsewhere (by a function, or a default).
 */
interface Part {
  readonly path: ReadPath;
  readonly home: number;
}

type Parts = readonly Part[];

interface Analysis {
  readonly strings: readonly string[];
  readonly functions: ReadonlyMap<string, PlannedFunction>;
  /** What a function returns, by its name and arguments. Rego has no recursion. */
  readonly results: Map<string, Parts>;
  readonly reads: Map<string, ReadPath>;
  everything: boolean;
  homes: number;
}

interface Frame {
  readonly locals: Map<number, Map<string, Part>>;
  /** Locals whose parts went on to another local, so that their own end is not the end of it. */
  readonly passedOn: Set<number>;
  readonly constantArrays: ReadonlyMap<number, ReadPath>;
  readonly homes: Map<Block, number>;
  readonly returned: Map<string, Part>;
}

function inputItself(): Part {
  return { path: [], home: -1 };
}

function interpret(
  analysis: Analysis,
  code: Pick<PlannedFunction, "params" | "return" | "blocks">,
  args: readonly Parts[],
): Parts {
  const blocks = separateLocals(code.blocks, [...code.params, code.return]);
  const frame: Frame = {
    locals: new Map(),
    passedOn: new Set(),
    constantArrays: constantArrays(analysis, blocks),
    homes: new Map(),
    returned: new Map(),
  };
  code.params.forEach((local, index) => {
    hold(frame, local, args[index] ?? []);
  });
  for (let before = -1; before !== sizeOf(frame); ) {
    before = sizeOf(frame);
    for (const block of blocks) run(analysis, frame, block, homeOf(analysis, frame, block));
  }
  // What nothing looks at still decides, by being defined, how things go on. The input itself is always defined.
  for (const [local, parts] of frame.locals) {
    if (frame.passedOn.has(local)) continue;
    for (const part of parts.values()) if (part.path.length > 0) read(analysis, part);
  }
  return [...frame.returned.values()];
}

function sizeOf({ locals, returned }: Frame): number {
  return [...locals.values()].reduce((size, parts) => size + parts.size, returned.size);
}

function homeOf(analysis: Analysis, frame: Frame, block: Block): number {
  const known = frame.homes.get(block);
  if (known !== undefined) return known;
  analysis.homes += 1;
  frame.homes.set(block, analysis.homes);
  return analysis.homes;
}

function hold(frame: Frame, local: number, parts: Parts): void {
  if (parts.length === 0) return;
  const held = frame.locals.get(local) ?? new Map<string, Part>();
  for (const part of parts) held.set(`${part.home} ${JSON.stringify(part.path)}`, part);
  frame.locals.set(local, held);
}

function partsOf(frame: Frame, operand: Operand): Parts {
  return operand.type === "local" ? localParts(frame, operand.value) : [];
}

function localParts(frame: Frame, local: number): Parts {
  return [...(frame.locals.get(local)?.values() ?? [])];
}

function read(analysis: Analysis, { path }: Part): void {
  if (path.length === 0) analysis.everything = true;
  else analysis.reads.set(JSON.stringify(path), path);
}

function consume(analysis: Analysis, frame: Frame, ...operands: readonly Operand[]): void {
  for (const operand of operands) for (const part of partsOf(frame, operand)) read(analysis, part);
}

const local = (value: number): Operand => ({ type: "local", value });

/** `home`: the block whose outcome depends on whether this one succeeds. */
function run(analysis: Analysis, frame: Frame, block: Block, home: number): void {
  for (const statement of block.stmts) step(analysis, frame, statement, home);
}

function step(analysis: Analysis, frame: Frame, statement: Statement, home: number): void {
  switch (statement.type) {
    case "DotStmt":
      dot(analysis, frame, statement.stmt, home);
      break;
    case "AssignVarStmt":
    case "AssignVarOnceStmt":
      passOn(frame, statement.stmt.source);
      hold(frame, statement.stmt.target, partsOf(frame, statement.stmt.source));
      break;
    case "CallStmt":
      call(analysis, frame, statement.stmt);
      break;
    case "ReturnLocalStmt":
      passOn(frame, local(statement.stmt.source));
      for (const { path } of localParts(frame, statement.stmt.source)) {
        frame.returned.set(JSON.stringify(path), { path, home: -1 });
      }
      break;
    case "BlockStmt":
      for (const inner of statement.stmt.blocks) run(analysis, frame, inner, homeOf(analysis, frame, inner));
      break;
    case "NotStmt":
      run(analysis, frame, statement.stmt.block, homeOf(analysis, frame, statement.stmt.block));
      break;
    case "ScanStmt":
      // What comes after an iteration stands inside it: its success is that of the block around it.
      consume(analysis, frame, local(statement.stmt.source));
      run(analysis, frame, statement.stmt.block, home);
      break;
    case "EqualStmt":
    case "NotEqualStmt":
      consume(analysis, frame, statement.stmt.a, statement.stmt.b);
      break;
    case "LenStmt":
    case "IsArrayStmt":
    case "IsObjectStmt":
    case "IsSetStmt":
      consume(analysis, frame, statement.stmt.source);
      break;
    case "ArrayAppendStmt":
    case "SetAddStmt":
      consume(analysis, frame, statement.stmt.value);
      break;
    case "ObjectInsertStmt":
    case "ObjectInsertOnceStmt":
      consume(analysis, frame, statement.stmt.key, statement.stmt.value);
      break;
    case "ObjectMergeStmt":
      consume(analysis, frame, local(statement.stmt.a), local(statement.stmt.b));
      break;
    case "ResultSetAddStmt":
      consume(analysis, frame, local(statement.stmt.value));
      break;
    case "IsDefinedStmt":
    case "IsUndefinedStmt":
    case "BreakStmt":
    case "NopStmt":
    case "ResetLocalStmt":
    case "AssignIntStmt":
    case "MakeNullStmt":
    case "MakeNumberIntStmt":
    case "MakeNumberRefStmt":
    case "MakeArrayStmt":
    case "MakeObjectStmt":
    case "MakeSetStmt":
      break;
    case "WithStmt":
    case "CallDynamicStmt":
      analysis.everything = true;
      break;
    default:
      // A statement of a newer OPA.
      statement satisfies never;
      analysis.everything = true;
  }
}

function passOn(frame: Frame, operand: Operand): void {
  if (operand.type === "local") frame.passedOn.add(operand.value);
}

function dot(
  analysis: Analysis,
  frame: Frame,
  { source, key, target }: { readonly source: Operand; readonly key: Operand; readonly target: number },
  home: number,
): void {
  consume(analysis, frame, key);
  passOn(frame, source);
  const name = key.type === "string_index" ? analysis.strings[key.value] : undefined;
  for (const part of partsOf(frame, source)) {
    if (name === undefined) read(analysis, part);
    else hold(frame, target, [below(analysis, part, [name], home)]);
  }
}

/**
 * The part at `keys` below another. Where that other being there and this one not makes a difference (decided in another
 * block), the other is read as well; first-level keys are always there.
 */
function below(analysis: Analysis, part: Part, keys: ReadPath, home: number): Part {
  if (part.path.length >= 2 && part.home !== home) read(analysis, part);
  return { path: [...part.path, ...keys], home };
}

function call(
  analysis: Analysis,
  frame: Frame,
  { func, args, result }: { readonly func: string; readonly args: readonly Operand[]; readonly result: number },
): void {
  const planned = analysis.functions.get(func);
  if (planned !== undefined) {
    for (const arg of args) passOn(frame, arg);
    const given = args.map((arg) => partsOf(frame, arg));
    hold(frame, result, resultOf(analysis, planned, given));
    return;
  }
  const keys = func === "object.get" ? constantKeys(analysis, frame, args[1]) : undefined;
  const [object, , fallback] = args;
  if (keys === undefined || object === undefined || fallback === undefined) {
    consume(analysis, frame, ...args);
    return;
  }
  passOn(frame, object);
  consume(analysis, frame, fallback);
  const found = partsOf(frame, object).map((part) => below(analysis, part, keys, -1));
  hold(frame, result, found);
}

function resultOf(analysis: Analysis, planned: PlannedFunction, args: readonly Parts[]): Parts {
  const given = args.map((parts) => parts.map(({ path }): Part => ({ path, home: -1 })));
  const key = JSON.stringify([planned.name, given.map((parts) => parts.map(({ path }) => path))]);
  const known = analysis.results.get(key);
  if (known !== undefined) return known;
  const returned = interpret(analysis, planned, given);
  analysis.results.set(key, returned);
  return returned;
}

function constantKeys(analysis: Analysis, frame: Frame, operand: Operand | undefined): ReadPath | undefined {
  if (operand === undefined || operand.type === "bool") return undefined;
  if (operand.type === "string_index") {
    const key = analysis.strings[operand.value];
    return key === undefined ? undefined : [key];
  }
  return frame.constantArrays.get(operand.value);
}

/** Arrays of constant strings, made and filled in one and the same block, by the local that holds them. */
function constantArrays(analysis: Analysis, blocks: readonly Block[]): ReadonlyMap<number, ReadPath> {
  const made = new Map<number, string[] | null>();
  const visit = (block: Block): void => {
    const here = new Set<number>();
    for (const { type, stmt } of block.stmts as readonly { type: string; stmt: Record<string, unknown> }[]) {
      if (type === "MakeArrayStmt") {
        const target = stmt["target"] as number;
        made.set(target, made.has(target) ? null : []);
        here.add(target);
      } else if (type === "ArrayAppendStmt") {
        const array = stmt["array"] as number;
        const value = stmt["value"] as Operand;
        const key = value.type === "string_index" ? analysis.strings[value.value] : undefined;
        if (here.has(array) && key !== undefined) made.get(array)?.push(key);
        else made.set(array, null);
      }
      for (const inner of innerBlocks(stmt)) visit(inner);
    }
  };
  blocks.forEach(visit);
  return new Map([...made].filter((entry): entry is [number, string[]] => entry[1] !== null && entry[1].length > 0));
}

function innerBlocks(stmt: Readonly<Record<string, unknown>>): readonly Block[] {
  const { block, blocks } = stmt as { block?: Block; blocks?: readonly Block[] };
  return [...(block === undefined ? [] : [block]), ...(blocks ?? [])];
}
