/**
 * Whether an entrypoint treats MRENCLAVE as an opaque name: made at build from OPA's plan.
 *
 * A policy that only compares a value for equality, looks it up, stores it or puts it into a message cannot tell two values
 * apart that it does not know: give it another that neither its data nor its other input contains, and it answers the same
 * with the one name in place of the other. So what it answered for one unknown enclave it would answer for the next. A
 * value that anything looks into (an order, a prefix, a hash) is not opaque, and what is not understood is not either.
 */

import type { Block, Operand, Plan, PlannedFunction, Statement } from "./plan.js";
import { separateLocals } from "./plan-locals.js";

/** The one path that is asked about: what differs from enclave to enclave of one product. */
export const OPAQUE_PATH = ["enclave", "mrenclave"] as const;

/**
 * What a local may hold, as a set of bits: the input; `input.enclave`; a name, or something that contains or was made of
 * one; a text that was put together here, or something that contains one; an item whose `message` is one of these.
 */
type Holds = number;
const NOTHING = 0;
const INPUT = 1;
const ENCLAVE = 2;
const NAME = 4;
const BUILT = 8;
const MESSAGE = 16;

/** Builtins that return what they were given, or parts of it, and do not look into names. */
const PASSING: ReadonlySet<string> = new Set(
  "or and minus union intersection array.concat object.get object.union".split(" "),
);

/** Builtins that compare or count names as names, and return none. */
const COMPARING: ReadonlySet<string> = new Set("equal neq internal.member_2 internal.member_3".split(" "));
const COUNTING: ReadonlySet<string> = new Set(
  "count is_array is_boolean is_null is_number is_object is_set is_string type_name".split(" "),
);

/** Builtins that return no text, whatever they look into. */
const NO_TEXT: ReadonlySet<string> = new Set(
  "gt gte lt lte plus minus mul div rem abs ceil floor round sum product max min any all to_number".split(" "),
);

/** A name has 64 digits. */
const NAME_LENGTH = 64;
const SUBSTRING_ALL = /^(?:[1-9][0-9]{2,}|6[4-9]|[7-9][0-9])$/;

/** The entrypoints whose answer depends on MRENCLAVE only as on a name. */
export function opaqueEntrypoints(plan: Plan): ReadonlySet<string> {
  const strings = (plan.static.strings ?? []).map(({ value }) => value);
  // A policy that spells names out knows them; which ones is told by its data alone.
  if (strings.some((text) => new RegExp(`[0-9a-f]{${NAME_LENGTH}}`).test(text))) return new Set();
  const functions = new Map((plan.funcs?.funcs ?? []).map((planned) => [planned.name, planned]));
  return new Set(
    plan.plans.plans
      .filter(({ blocks }) => {
        const analysis: Analysis = { strings, functions, results: new Map(), lookedInto: false };
        interpret(analysis, { params: [0], return: -1, blocks }, [INPUT]);
        return !analysis.lookedInto;
      })
      .map(({ name }) => name),
  );
}

interface Analysis {
  readonly strings: readonly string[];
  readonly functions: ReadonlyMap<string, PlannedFunction>;
  /** What a function returns, by its name and arguments. Rego has no recursion. */
  readonly results: Map<string, Holds>;
  lookedInto: boolean;
}

interface Frame {
  readonly locals: Map<number, Holds>;
  /** Locals that only ever hold one number literal. */
  readonly numbers: Map<number, string | null>;
  returned: Holds;
}

function interpret(
  analysis: Analysis,
  code: Pick<PlannedFunction, "params" | "return" | "blocks">,
  args: readonly Holds[],
): Holds {
  const blocks = separateLocals(code.blocks, [...code.params, code.return]);
  const frame: Frame = { locals: new Map(), numbers: new Map(), returned: NOTHING };
  code.params.forEach((local, index) => {
    hold(frame, local, args[index] ?? NOTHING);
  });
  for (let before = ""; before !== stateOf(frame); ) {
    before = stateOf(frame);
    for (const block of blocks) run(analysis, frame, block);
  }
  return frame.returned;
}

function stateOf({ locals, numbers, returned }: Frame): string {
  return `${returned};${[...locals].join(";")};${[...numbers].join(";")}`;
}

function hold(frame: Frame, local: number, holds: Holds): void {
  frame.locals.set(local, (frame.locals.get(local) ?? NOTHING) | holds);
}

function held(frame: Frame, operand: Operand | number): Holds {
  if (typeof operand === "number") return frame.locals.get(operand) ?? NOTHING;
  return operand.type === "local" ? (frame.locals.get(operand.value) ?? NOTHING) : NOTHING;
}

/** What something holds that it was put into: the name may be deep inside. */
const inside = (holds: Holds): Holds =>
  (holds & (BUILT | MESSAGE)) | ((holds & (INPUT | ENCLAVE | NAME)) === 0 ? NOTHING : NAME);

/** The same of an object's value, by its key: what a message says is apart, since nobody compares messages. */
function under(key: string | undefined, holds: Holds): Holds {
  return key === "message" && holds !== NOTHING ? MESSAGE : inside(holds);
}

/** Two names compare as names; a name with a text that was put together may be one that nobody has seen as such. */
function compare(analysis: Analysis, a: Holds, b: Holds): void {
  const texts = BUILT | MESSAGE;
  if (((a & NAME) !== 0 && (b & texts) !== 0) || ((b & NAME) !== 0 && (a & texts) !== 0)) analysis.lookedInto = true;
  if ((a & MESSAGE) !== 0 && (b & texts) !== 0) analysis.lookedInto = true;
  if ((b & MESSAGE) !== 0 && (a & texts) !== 0) analysis.lookedInto = true;
}

function run(analysis: Analysis, frame: Frame, block: Block): void {
  for (const statement of block.stmts) step(analysis, frame, statement);
}

function step(analysis: Analysis, frame: Frame, statement: Statement): void {
  // Fields that plan.ts does not name.
  const { stmt } = statement as { readonly stmt?: Readonly<Record<string, unknown>> };
  const written = stmt?.["target"] ?? stmt?.["result"];
  if (typeof written === "number" && !statement.type.startsWith("MakeNumber")) frame.numbers.set(written, null);
  switch (statement.type) {
    case "DotStmt": {
      const { source, key, target } = statement.stmt;
      const name = key.type === "string_index" ? analysis.strings[key.value] : undefined;
      compare(analysis, held(frame, source), held(frame, key));
      hold(frame, target, below(held(frame, source), name));
      break;
    }
    case "AssignVarStmt":
    case "AssignVarOnceStmt":
      hold(frame, statement.stmt.target, held(frame, statement.stmt.source));
      break;
    case "CallStmt":
      call(analysis, frame, statement.stmt);
      break;
    case "ReturnLocalStmt":
      frame.returned |= held(frame, statement.stmt.source);
      break;
    case "BlockStmt":
      for (const inner of statement.stmt.blocks) run(analysis, frame, inner);
      break;
    case "NotStmt":
      run(analysis, frame, statement.stmt.block);
      break;
    case "ScanStmt": {
      const { source, key, value, block } = statement.stmt;
      const holds = held(frame, source);
      // Keys of the input are what the schema says; keys of what was made in the policy may be names.
      hold(frame, key, holds & (NAME | BUILT));
      hold(frame, value, inside(holds) | (holds & INPUT ? ENCLAVE : NOTHING));
      run(analysis, frame, block);
      break;
    }
    case "ArrayAppendStmt":
      hold(frame, statement.stmt.array, inside(held(frame, statement.stmt.value)));
      break;
    case "SetAddStmt":
      hold(frame, stmt?.["set"] as number, inside(held(frame, statement.stmt.value)));
      apart(analysis, held(frame, stmt?.["set"] as number));
      break;
    case "ObjectInsertStmt":
    case "ObjectInsertOnceStmt":
      hold(frame, stmt?.["object"] as number, insertion(analysis, frame, statement.stmt));
      break;
    case "ObjectMergeStmt":
      hold(frame, stmt?.["target"] as number, inside(held(frame, statement.stmt.a) | held(frame, statement.stmt.b)));
      break;
    case "MakeNumberRefStmt":
    case "MakeNumberIntStmt": {
      const target = stmt?.["target"] as number;
      const raw =
        statement.type === "MakeNumberIntStmt" ? String(stmt?.["value"]) : analysis.strings[stmt?.["Index"] as number];
      const known = frame.numbers.get(target);
      frame.numbers.set(target, known === undefined || known === raw ? (raw ?? null) : null);
      break;
    }
    case "EqualStmt":
    case "NotEqualStmt":
      compare(analysis, held(frame, statement.stmt.a), held(frame, statement.stmt.b));
      break;
    // None of these looks into a string.
    case "LenStmt":
    case "IsArrayStmt":
    case "IsObjectStmt":
    case "IsSetStmt":
    case "ResultSetAddStmt":
    case "IsDefinedStmt":
    case "IsUndefinedStmt":
    case "BreakStmt":
    case "NopStmt":
    case "ResetLocalStmt":
    case "AssignIntStmt":
    case "MakeNullStmt":
    case "MakeArrayStmt":
    case "MakeObjectStmt":
    case "MakeSetStmt":
      break;
    case "WithStmt":
    case "CallDynamicStmt":
      analysis.lookedInto = true;
      break;
    default:
      // A statement of a newer OPA.
      statement satisfies never;
      analysis.lookedInto = true;
  }
}

/** What lies together in a set is compared: names and texts that were put together must not. */
function apart(analysis: Analysis, holds: Holds): void {
  if ((holds & NAME) !== 0 && (holds & BUILT) !== 0) analysis.lookedInto = true;
}

function insertion(
  analysis: Analysis,
  frame: Frame,
  { key, value }: { readonly key: Operand; readonly value: Operand },
): Holds {
  const name = key.type === "string_index" ? analysis.strings[key.value] : undefined;
  apart(analysis, held(frame, key) | (name === undefined ? held(frame, value) : NOTHING));
  return inside(held(frame, key)) | under(name, held(frame, value));
}

/** What is at a key below; undefined: at a key that is not constant. */
function below(holds: Holds, key: string | undefined): Holds {
  let found = holds & (NAME | BUILT);
  if ((holds & MESSAGE) !== 0)
    found |= key === "message" ? NAME | BUILT : key === undefined ? MESSAGE | NAME | BUILT : NOTHING;
  if ((holds & INPUT) !== 0) found |= key === undefined ? ENCLAVE | NAME : key === OPAQUE_PATH[0] ? ENCLAVE : NOTHING;
  if ((holds & ENCLAVE) !== 0 && (key === undefined || key === OPAQUE_PATH[1])) found |= NAME;
  return found;
}

function call(
  analysis: Analysis,
  frame: Frame,
  { func, args, result }: { readonly func: string; readonly args: readonly Operand[]; readonly result: number },
): void {
  const given = args.map((arg) => held(frame, arg));
  const planned = analysis.functions.get(func);
  if (planned !== undefined) {
    const key = JSON.stringify([func, given]);
    const known = analysis.results.get(key) ?? interpret(analysis, planned, given);
    analysis.results.set(key, known);
    hold(frame, result, known);
    return;
  }
  const all = given.reduce((union, holds) => union | holds, NOTHING);
  const others = given.slice(1).reduce((union, holds) => union | holds, NOTHING);
  if (COMPARING.has(func)) compare(analysis, given[0] ?? NOTHING, others);
  else if (PASSING.has(func)) {
    // A union of items that say something in their messages is what every policy makes.
    if (func === "or" || func === "union") apart(analysis, all);
    else compare(analysis, given[0] ?? NOTHING, others);
    hold(frame, result, inside(all));
  } else if (!COUNTING.has(func)) {
    const harmless = func === "concat" || (func === "substring" && cutsNothing(frame, args));
    if (!harmless && (all & (INPUT | ENCLAVE | NAME | MESSAGE)) !== 0) analysis.lookedInto = true;
    if (!NO_TEXT.has(func)) hold(frame, result, inside(all) | BUILT);
  }
}

/** `substring(x, 0, n)` with an n that no name exceeds. */
function cutsNothing(frame: Frame, [, from, length]: readonly Operand[]): boolean {
  const literal = (operand: Operand | undefined): string | null | undefined =>
    operand?.type === "local" ? frame.numbers.get(operand.value) : undefined;
  return literal(from) === "0" && SUBSTRING_ALL.test(literal(length) ?? "");
}
