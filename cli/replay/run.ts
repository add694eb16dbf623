/** One replay: every record decided again, and what came of it counted by who, where, why and under which policy. */

import { isJsonObject } from "../../engine/json.js";
import { type Judged, knownSigner, type PolicyBundle, type PolicyIdentity } from "../../hooks/index.js";
import { type Again, decidesAgain, launchOf, OUTCOMES, type Outcome, type ReplayJudging } from "./decide-again.js";
import { type LogFilter, type LogSummary, type Place, readLogs } from "./log.js";
import type { LogRecord, Recorded } from "./log-record.js";
import type { LogSource } from "./log-source.js";
import type { Progress } from "./progress.js";
import { type Counts, type Example, type GroupTable, Tally } from "./tally.js";

/** Outcomes that differ from what was decided. */
export const CHANGES = ["allow_to_deny", "deny_to_allow", "reasons_changed"] as const satisfies readonly Outcome[];
export type Change = (typeof CHANGES)[number];

/** Records that changed in the same way: one hook, one kind of origin, one signer and product, the same codes. */
export interface ChangedGroup {
  readonly change: Change;
  readonly hook: string;
  readonly origin: string;
  readonly mrsigner: string | null;
  /** What the new policy or the table of well-known signers calls the signer. */
  readonly signer: string | null;
  readonly isvprodid: number | null;
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly records: number;
  /** The events' own times, Unix seconds. */
  readonly first: number | null;
  readonly last: number | null;
  readonly examples: readonly Example[];
}

/** How often a code came and went among the records that changed. */
interface RuleRow {
  readonly code: string;
  readonly newly_denies: number;
  readonly no_longer_denies: number;
}

export interface Replay {
  readonly schema: "launchgate-replay-v1";
  readonly logs: readonly string[];
  readonly policies: readonly PolicyIdentity[];
  /** What decided before, where that was not the record. */
  readonly old: readonly PolicyIdentity[] | null;
  readonly summary: LogSummary;
  readonly counts: Counts;
  /** Of the records with nothing to compare with. */
  readonly new: { readonly allow: number; readonly deny: number };
  readonly changes: readonly ChangedGroup[];
  /** Records that changed in ways beyond those that `changes` has room for. */
  readonly changes_others: number;
  readonly by_origin: GroupTable;
  readonly by_hook: GroupTable;
  /** By MRSIGNER. Under `auto` it is a claim in all that was allowed on a host: EINIT checks it there. */
  readonly by_signer: GroupTable;
  readonly by_rule: readonly RuleRow[];
  /** By the policy and generation that was recorded. */
  readonly by_policy: GroupTable;
}

export interface ReplayGiven extends ReplayJudging {
  readonly sources: readonly LogSource[];
  readonly filter: LogFilter;
  /** Kept for each group of changes. */
  readonly examples: number;
}

/** Rows of the tables that a log's writer can make longer. */
const MAX_SIGNERS = 4096;
const MAX_CHANGES = 4096;
const MAX_POLICIES = 256;
const MAX_FEW = 64;
const MAX_CODES = 1024;

/** @throws CommandError exit 1 where a log cannot be read; PolicyError where a policy cannot be loaded */
export async function replay(given: ReplayGiven, progress: Progress): Promise<Replay> {
  const again = decidesAgain(given);
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  const fresh = { allow: 0, deny: 0 };
  const tables = {
    by_origin: new Tally(MAX_FEW),
    by_hook: new Tally(MAX_FEW),
    by_signer: new Tally(MAX_SIGNERS),
    by_policy: new Tally(MAX_POLICIES),
  };
  const changes = new Changes(given.examples, given.policies);
  const rules = new Rules();

  const visit = (record: LogRecord, place: Place): string | null => {
    const found = again(record);
    if (typeof found === "string") return found;
    const { outcome, before, after, judged } = found;
    counts[outcome] += 1;
    if (outcome === "new" && after !== null) fresh[after.decision] += 1;
    const event = judged?.event ?? null;
    tables.by_origin.add(event?.origin.kind ?? UNREADABLE, outcome);
    tables.by_hook.add(event?.hook ?? UNREADABLE, outcome);
    tables.by_signer.add(launchOf(judged)?.mrsigner ?? NO_SIGNER, outcome);
    tables.by_policy.add(policyName(record.recorded), outcome);
    if (isChange(outcome)) {
      changes.add(outcome, found, record, place);
      rules.add(before?.codes ?? [], after?.codes ?? []);
    }
    return null;
  };

  const summary = await readLogs(given.sources, given.filter, visit, progress);
  return {
    schema: "launchgate-replay-v1",
    logs: given.sources.map(({ name }) => name),
    policies: given.policies.map(identityOf),
    old: given.old?.map(identityOf) ?? null,
    summary,
    counts,
    new: fresh,
    changes: changes.groups(),
    changes_others: changes.others,
    by_origin: tables.by_origin.table(),
    by_hook: tables.by_hook.table(),
    by_signer: tables.by_signer.table(),
    by_rule: rules.rows(),
    by_policy: tables.by_policy.table(),
  };
}

const UNREADABLE = "unreadable";
const NO_SIGNER = "none";

function isChange(outcome: Outcome): outcome is Change {
  return (CHANGES as readonly Outcome[]).includes(outcome);
}

function identityOf({ name, sha256, revision }: PolicyBundle): PolicyIdentity {
  return { name, sha256, revision };
}

function policyName(recorded: Recorded | null): string {
  if (recorded === null) return "not recorded";
  const policies = recorded.policy.map(({ name, sha256 }) => `${name.slice(0, 64)} sha256:${sha256.slice(0, 16)}`);
  return `${policies.join(" + ") || "no policy"}, generation ${recorded.generation}`;
}

/** What listings call a signer: the policies' own names first. */
function signerName(mrsigner: string | null, policies: readonly PolicyBundle[]): string | null {
  if (mrsigner === null) return null;
  for (const { data } of policies) {
    const document = data["launchgate"];
    const signers = isJsonObject(document) ? document["signers"] : undefined;
    const entry = isJsonObject(signers) && Object.hasOwn(signers, mrsigner) ? signers[mrsigner] : undefined;
    const name = isJsonObject(entry) ? entry["name"] : undefined;
    if (typeof name === "string") return name;
  }
  return knownSigner(mrsigner)?.name ?? null;
}

type Draft = { -readonly [Key in keyof ChangedGroup]: ChangedGroup[Key] } & { examples: Example[] };

class Changes {
  readonly #groups = new Map<string, Draft>();
  readonly #examples: number;
  readonly #policies: readonly PolicyBundle[];
  others = 0;

  constructor(examples: number, policies: readonly PolicyBundle[]) {
    this.#examples = examples;
    this.#policies = policies;
  }

  add(change: Change, { before, after, judged }: Again, { recorded }: LogRecord, { file, line }: Place): void {
    const was = shown(before?.codes ?? []);
    const is = shown(after?.codes ?? []);
    const { hook, origin, mrsigner, isvprodid, time } = whoAndWhen(judged);
    const key = [change, hook, origin, mrsigner, isvprodid, was.join(), is.join()].join(" ");
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size === MAX_CHANGES) {
        this.others += 1;
        return;
      }
      const signer = signerName(mrsigner, this.#policies);
      const who = { change, hook, origin, mrsigner, signer, isvprodid };
      group = { ...who, before: was, after: is, records: 0, first: null, last: null, examples: [] };
      this.#groups.set(key, group);
    }
    group.records += 1;
    if (time !== null) {
      group.first = Math.min(group.first ?? time, time);
      group.last = Math.max(group.last ?? time, time);
    }
    if (group.examples.length < this.#examples)
      group.examples.push({ file, line, decision_id: recorded?.decision_id ?? null });
  }

  /** By the kind of change in the order of the table, most records first. */
  groups(): readonly ChangedGroup[] {
    const rank = ({ change }: ChangedGroup): number => CHANGES.indexOf(change);
    return [...this.#groups.values()].sort((a, b) => rank(a) - rank(b) || b.records - a.records);
  }
}

const MAX_SHOWN_CODES = 32;

/** Not all of the codes where a log has more than any policy gives. */
function shown(codes: readonly string[]): readonly string[] {
  const more = codes.length - MAX_SHOWN_CODES;
  return more > 0 ? [...codes.slice(0, MAX_SHOWN_CODES), `(${more} more)`] : codes;
}

function whoAndWhen(judged: Judged | null) {
  const event = judged?.event ?? null;
  const launch = launchOf(judged);
  return {
    hook: event?.hook ?? UNREADABLE,
    origin: event?.origin.kind ?? UNREADABLE,
    mrsigner: launch?.mrsigner ?? null,
    isvprodid: launch?.sigstruct?.isvprodid ?? null,
    time: event?.time ?? null,
  };
}

class Rules {
  readonly #rows = new Map<string, { code: string; newly_denies: number; no_longer_denies: number }>();

  add(before: readonly string[], after: readonly string[]): void {
    for (const code of after) if (!before.includes(code)) this.#count(code, "newly_denies");
    for (const code of before) if (!after.includes(code)) this.#count(code, "no_longer_denies");
  }

  #count(code: string, what: "newly_denies" | "no_longer_denies"): void {
    let row = this.#rows.get(code) ?? this.#rows.get(this.#rows.size < MAX_CODES ? code : OTHER_CODES);
    if (row === undefined) {
      const name = this.#rows.size < MAX_CODES ? code : OTHER_CODES;
      row = { code: name, newly_denies: 0, no_longer_denies: 0 };
      this.#rows.set(name, row);
    }
    row[what] += 1;
  }

  rows(): readonly RuleRow[] {
    const total = (row: RuleRow): number => row.newly_denies + row.no_longer_denies;
    return [...this.#rows.values()].sort((a, b) => total(b) - total(a) || (a.code < b.code ? -1 : 1));
  }
}

/** No code: those begin with a letter. */
const OTHER_CODES = "(others)";
