/**
 * From a log to a proposed data document, in two readings: the first grows the proposal from the denials, the second puts
 * the whole log to the policies with it and without it, and says what would really change. The signature of everything is
 * verified in both: what was denied has been proved by nobody.
 */

import { isJsonObject, type JsonObject } from "../../engine/json.js";
import {
  effectiveData,
  type Gate,
  hex,
  type Judged,
  type LockdownLevel,
  type PolicyBundle,
  shippedData,
  withData,
} from "../../hooks/index.js";
import { CommandError } from "../io.js";
import { contradiction, gateOf, launchOf, sideOf, takeStructures } from "../replay/decide-again.js";
import { type LogFilter, type LogSummary, type Place, readLogs } from "../replay/log.js";
import type { LogRecord } from "../replay/log-record.js";
import type { LogSource } from "../replay/log-source.js";
import type { Progress } from "../replay/progress.js";
import type { Example } from "../replay/tally.js";
import { type PlanOptions, planFor } from "./plan.js";
import { type Justification, type LeftOutGroup, Proposal, type Witness } from "./proposal.js";

/** Launches alike that the proposal changes, or fails to change. */
export interface AffectedGroup {
  readonly hook: string;
  readonly origin: string;
  readonly mrsigner: string | null;
  readonly isvprodid: number | null;
  /** Why they are denied: without the proposal, or for those that it does not let in, with it. */
  readonly codes: readonly string[];
  readonly events: number;
  readonly examples: readonly Example[];
}

export interface Suggestion {
  readonly schema: "launchgate-suggest-v1";
  readonly document: JsonObject;
  readonly justification: readonly Justification[];
  readonly left_out: readonly LeftOutGroup[];
  /** Everything in the log that the proposal lets in, whether or not it was asked for. */
  readonly newly_allowed: readonly AffectedGroup[];
  /** What it keeps out that was allowed without it: nothing, or the proposal is not to be used. */
  readonly newly_denied: readonly AffectedGroup[];
  /** What justifies it and is denied all the same. */
  readonly still_denied: readonly AffectedGroup[];
  readonly counts: {
    /** Denials that were considered. */
    readonly denials: number;
    /** Considered, and allowed by the given policy already. */
    readonly allowed_already: number;
    /** Recorded as allowed, denied by the given policy, and not considered. */
    readonly denied_now: number;
    readonly without_event: number;
    readonly justified: number;
    readonly newly_allowed: number;
    readonly newly_denied: number;
    readonly still_denied: number;
  };
  readonly summary: LogSummary;
}

export interface SuggestGiven {
  /** Each can be read twice. */
  readonly sources: readonly LogSource[];
  readonly filter: LogFilter;
  readonly policies: readonly PolicyBundle[];
  readonly lockdown: LockdownLevel;
  readonly by: PlanOptions["by"];
  readonly allowed: PlanOptions["allowed"];
  /** Whether to consider what was recorded as allowed, too. */
  readonly all: boolean;
  readonly examples: number;
  readonly progress: (pass: string) => Progress;
}

/** @throws CommandError exit 1 where a log cannot be read; PolicyError where the policies contradict each other */
export async function suggest(given: SuggestGiven): Promise<Suggestion> {
  const documents = given.policies.flatMap(({ data }) =>
    isJsonObject(data["launchgate"]) ? [data["launchgate"]] : [],
  );
  const options: PlanOptions = { by: given.by, allowed: given.allowed, documents };
  const proposal = new Proposal(documents, given.examples);
  const gate = gateOf(given, "always");
  const counts = { denials: 0, allowed_already: 0, denied_now: 0, without_event: 0 };

  const collect = (record: LogRecord, place: Place): string | null => {
    const { event } = record;
    if (event === null) {
      counts.without_event += 1;
      return null;
    }
    takeStructures(event);
    const judged = gate.judge(event);
    const fault = contradiction(record.recorded, judged);
    if (fault !== null) return fault;
    const considered = given.all || wasDenied(record);
    const denied = judged.decision.decision === "deny";
    if (considered && denied) {
      counts.denials += 1;
      proposal.add(planFor(judged, options), witnessOf(judged, record, place));
    } else if (considered) counts.allowed_already += 1;
    else if (denied) counts.denied_now += 1;
    return null;
  };

  const summary = await readLogs(given.sources, given.filter, collect, given.progress("1 of 2, collecting"));
  const document = proposal.document();
  const effects = await effectsOf(given, gate, document, (judged, record) => {
    const asked = given.all || wasDenied(record);
    return asked && proposal.covers(planFor(judged, options));
  });
  if (effects.summary.lines !== summary.lines || effects.summary.broken !== summary.broken)
    throw new CommandError(1, "the log has changed between its two readings: nothing can be said of the proposal");
  return {
    schema: "launchgate-suggest-v1",
    document,
    justification: proposal.justification(),
    left_out: proposal.leftOut(),
    newly_allowed: effects.allowed.list(),
    newly_denied: effects.denied.list(),
    still_denied: effects.still.list(),
    counts: {
      ...counts,
      justified: effects.justified,
      newly_allowed: effects.allowed.events,
      newly_denied: effects.denied.events,
      still_denied: effects.still.events,
    },
    summary,
  };
}

/** A denial, a would-be denial, or an event of which nobody knows: all but what was allowed without a word. */
function wasDenied({ recorded }: LogRecord): boolean {
  return recorded === null || recorded.decision === "deny" || recorded.wouldDeny.length > 0;
}

interface Effects {
  readonly allowed: Affected;
  readonly denied: Affected;
  readonly still: Affected;
  readonly summary: LogSummary;
  readonly justified: number;
}

/** The log once more, by the policies as they are and as they would be. */
async function effectsOf(
  given: SuggestGiven,
  gate: Gate,
  document: JsonObject,
  isJustified: (judged: Judged, record: LogRecord) => boolean,
): Promise<Effects> {
  const [allowed, denied, still] = [0, 1, 2].map(() => new Affected(given.examples)) as [Affected, Affected, Affected];
  let justifying = 0;
  const proposed = gateOf({ policies: withProposal(given.policies, document), lockdown: given.lockdown }, "always");

  const verify = (record: LogRecord, place: Place): string | null => {
    const { event } = record;
    if (event === null) return null;
    takeStructures(event);
    const before = gate.judge(event);
    const fault = contradiction(record.recorded, before);
    if (fault !== null) return fault;
    const after = proposed.judge(event);
    const was = before.decision.decision;
    const is = after.decision.decision;
    if (was === "allow") {
      if (is === "deny") denied.add(after, record, place);
      return null;
    }
    const justified = isJustified(before, record);
    if (justified) justifying += 1;
    if (is === "allow") allowed.add(before, record, place);
    else if (justified) still.add(after, record, place);
    return null;
  };

  const summary = await readLogs(given.sources, given.filter, verify, given.progress("2 of 2, verifying"));
  return { allowed, denied, still, summary, justified: justifying };
}

/** The policies with the document merged over their data, as `--data` would. @throws PolicyError */
function withProposal(policies: readonly PolicyBundle[], document: JsonObject): readonly PolicyBundle[] {
  return policies.map((policy) => {
    const own = policy.data["launchgate"];
    const base = isJsonObject(own) ? own : undefined;
    return withData(policy, { ...policy.data, launchgate: effectiveData([document], shippedData, base) });
  });
}

function witnessOf(judged: Judged, { recorded }: LogRecord, { file, line }: Place): Witness {
  const launch = launchOf(judged);
  const sigstruct = launch?.sigstruct ?? null;
  return {
    file,
    line,
    decision_id: recorded?.decision_id ?? null,
    time: judged.event?.time ?? null,
    origin: judged.event?.origin.kind ?? "unreadable",
    mrsigner: launch?.mrsigner ?? null,
    mrenclave: sigstruct === null ? null : hex(sigstruct.enclavehash),
    codes: sideOf(judged).codes,
  };
}

const MAX_GROUPS = 1000;

type Draft = { -readonly [Key in keyof AffectedGroup]: AffectedGroup[Key] } & { examples: Example[] };

/** Events by who, where and why, in bounded memory; what has no room for a group of its own is counted all the same. */
class Affected {
  readonly #groups = new Map<string, Draft>();
  readonly #examples: number;
  events = 0;

  constructor(examples: number) {
    this.#examples = examples;
  }

  add(judged: Judged, { recorded }: LogRecord, { file, line }: Place): void {
    this.events += 1;
    const launch = launchOf(judged);
    const who = {
      hook: judged.event?.hook ?? "unreadable",
      origin: judged.event?.origin.kind ?? "unreadable",
      mrsigner: launch?.mrsigner ?? null,
      isvprodid: launch?.sigstruct?.isvprodid ?? null,
      codes: sideOf(judged).codes,
    };
    const key = JSON.stringify(who);
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size === MAX_GROUPS) return;
      group = { ...who, events: 0, examples: [] };
      this.#groups.set(key, group);
    }
    group.events += 1;
    if (group.examples.length < this.#examples)
      group.examples.push({ file, line, decision_id: recorded?.decision_id ?? null });
  }

  list(): readonly AffectedGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.events - a.events);
  }
}
