/** The report in words and tables, once, for Markdown and for a terminal alike. */

import { sustained, trip } from "./goals.js";
import type { Growth } from "./memory.js";
import type { BenchReport } from "./report.js";
import { costOf, type Measured } from "./rounds.js";
import { BASELINE } from "./sdk.js";
import { rounded } from "./statistics.js";

export interface Section {
  readonly title: string;
  readonly text: readonly string[];
  /** The first row names the columns. */
  readonly table?: readonly (readonly string[])[];
}

export function sectionsOf(report: BenchReport): readonly Section[] {
  const all = [
    goals(report),
    decisions(report),
    compared(report),
    processes(report),
    signers(report),
    rules(report),
    reasons(report),
    memory(report),
    replayed(report),
    vetted(report),
    asked(report),
    sustainedBy(report),
    comparison(report),
    absent(report),
    method(report),
  ];
  return all.filter((section) => section.text.length > 0 || (section.table?.length ?? 0) > 1);
}

function goals(report: BenchReport): Section {
  const rows = report.goals.map(({ criterion, value, unit, met }) => [
    met === null ? "not measured" : met ? "met" : "MISSED",
    criterion,
    value === null
      ? ""
      : unit === "times"
        ? `${digits(value)} times`
        : unit === "ms"
          ? `${digits(value)} ms`
          : bytes(value),
  ]);
  return { title: "Goals", text: [], table: [["", "goal", "found"], ...rows] };
}

const COLUMNS = [
  "",
  "in a row",
  "alone, median",
  "p90",
  "p99",
  "p99.9",
  "max",
  "per second",
  "by SDK",
  "answer",
  "what it is",
];

function decisions(report: BenchReport): Section {
  const own = report.subjects.filter(({ class: kind }) => kind !== "peer" && kind !== "baseline");
  return { title: "Launchgate", text: [], table: [COLUMNS, ...own.map((subject) => row(subject, report))] };
}

function compared(report: BenchReport): Section {
  const others = report.subjects.filter(({ class: kind }) => kind === "peer" || kind === "baseline");
  const text = others.some(({ class: kind }) => kind === "peer") ? PEERS : [];
  return {
    title: "Others on the same question",
    text,
    table: [COLUMNS, ...others.map((subject) => row(subject, report))],
  };
}

const PEERS = [
  "None of these decodes anything: each is handed facts that Launchgate makes from the bytes first. OPA evaluates the same Rego over the same data and the full Input document.",
  "Cedar and Casbin decide on signer, product, lowest ISVSVN and revoked measurements alone: no attributes, origins, dates, exceptions or profiles, and no reasons beyond the id of a rule. The listing has one product and one lowest ISVSVN for all signers, which lets each hold it as one rule over a set or a role; Cedar has no map to look a signer up in, so its list is a set in the policy, or the host's.",
];

function row(subject: Measured, report: BenchReport): readonly string[] {
  const { name, ns, answer, what } = subject;
  const baseline = report.subjects.find((other) => other.name === BASELINE);
  const sdk = baseline === undefined ? undefined : costOf(baseline);
  const times = [costOf(subject), ns.median_ns, ns.p90_ns, ns.p99_ns, ns.p999_ns, ns.max_ns].map(time);
  const by = sdk === undefined ? "" : `${digits(costOf(subject) / sdk)}`;
  return [name, ...times, ns.per_second.toLocaleString("en"), by, answer ?? "", what];
}

function processes({ processes: found }: BenchReport): Section {
  if (found === null) return { title: "", text: [] };
  const ms = (value: number): string => `${digits(value)} ms`;
  const rows = [
    ['node --input-type=module -e ""', found.node_module_ms],
    ["a script that decides once, built-in policy", found.builtin_script_ms],
    ["a script that decides once, from a bundle", found.bundle_script_ms],
    ["a script that asks the bare WASM SDK once", found.sdk_script_ms],
    ["launchgate eval", found.eval_ms],
    ["launchgate eval --policy with a bundle", found.eval_bundle_ms],
  ] as const;
  return {
    title: "Whole processes",
    text: [`Medians of ${found.runs} each, started in turns; bundles hold the policy with all listings.`],
    table: [
      ["process", "median", "beyond node -e 0"],
      ["node -e 0", ms(found.node_ms), ""],
      ...rows.map(([name, value]) => [name, ms(value), ms(value - found.node_ms)]),
      ["of the script with the bundle: readBundle, createGate, decide", ms(found.bundle_load_ms), ""],
    ],
  };
}

function signers({ scaling }: BenchReport): Section {
  const rows = scaling.signers.map((found) => [
    found.signers.toLocaleString("en"),
    time(found.cold_ns),
    time(found.warm_ns),
    bytes(found.memory_bytes),
    `${digits(found.load_ms)} ms`,
  ]);
  return {
    title: "By listed signers",
    text: [],
    table: [["signers", "cold", "warm", "memory", "createGate"], ...rows],
  };
}

function rules({ scaling }: BenchReport): Section {
  const rows = scaling.rules.map((found) => [String(found.rules), time(found.cold_ns)]);
  return { title: "By further deny rules", text: [], table: [["rules", "cold"], ...rows] };
}

function reasons({ scaling }: BenchReport): Section {
  const rows = scaling.reasons.map((found) => [String(found.reasons), time(found.cold_ns)]);
  return { title: "By reasons of one denial", text: [], table: [["reasons", "cold"], ...rows] };
}

function memory({ memory: found }: BenchReport): Section {
  const rows = found.map((growth: Growth) => [
    growth.subject,
    bytes(growth.allocated_bytes_per_decision),
    growth.decisions.toLocaleString("en"),
    bytes(growth.before_bytes),
    bytes(growth.after_bytes),
    bytes(growth.growth_bytes),
    bytes(growth.rss_growth_bytes),
  ]);
  const columns = ["", "allocated per decision", "decisions", "held before", "held after", "growth", "growth of RSS"];
  return { title: "Memory", text: [], table: [columns, ...rows] };
}

function replayed({ replay: found }: BenchReport): Section {
  if (found === null) return { title: "", text: [] };
  const { records, bytes: size, seconds, records_per_second, growth_bytes, rss_growth_bytes } = found;
  const columns = ["records", "log", "time", "per second", "growth", "growth of RSS"];
  const row = [
    records.toLocaleString("en"),
    bytes(size),
    `${digits(seconds)} s`,
    records_per_second.toLocaleString("en"),
    bytes(growth_bytes),
    bytes(rss_growth_bytes),
  ];
  const text = ["Audit records, each of an enclave and a second of its own, without the disk; on one core."];
  return { title: "Replay", text, table: [columns, row] };
}

function vetted({ vet: found }: BenchReport): Section {
  if (found === null) return { title: "", text: [] };
  const { enclaves, seconds, enclaves_per_second } = found;
  const row = [enclaves.toLocaleString("en"), `${digits(seconds)} s`, enclaves_per_second.toLocaleString("en")];
  const text = ["`launchgate vet` over a folder of as many files, as a whole process, with JSON and JUnit reports."];
  return { title: "Vet", text, table: [["enclaves", "time", "per second"], row] };
}

function asked({ daemon }: BenchReport): Section {
  if (daemon === null) return { title: "", text: [] };
  const rows = daemon.round_trips.map(({ name, what, ns }) => [
    name,
    ...[ns.median_ns, ns.p90_ns, ns.p99_ns, ns.p999_ns, ns.max_ns].map(time),
    by(ns.median_ns, trip(daemon, "echo")),
    by(ns.median_ns, trip(daemon, "opa")),
    what,
  ]);
  return {
    title: "Asked over a unix socket, one launch at a time",
    text: [
      `Processes of their own, in turns, over one connection each: ${daemon.request_bytes} bytes there, ${daemon.verdict_bytes} back. Who asks is this process, with frames made before; the time is from writing a request to having read its answer.`,
      `Every decision of the daemon is a record in its audit log, here on ${daemon.filesystem}. \`before\`: the answer waits until the record outlasts a crash; \`after\`: it does not. There is no daemon without a log.`,
    ],
    table: [["", "median", "p90", "p99", "p99.9", "max", "by echo", "by OPA", "what it is"], ...rows],
  };
}

function sustainedBy({ daemon }: BenchReport): Section {
  if (daemon === null) return { title: "", text: [] };
  const rows = daemon.sustained.map(({ name, per_second, overloaded }) => [
    name,
    per_second.toLocaleString("en"),
    by(per_second, sustained(daemon, "echo")),
    by(per_second, sustained(daemon, "opa")),
    overloaded === 0 ? "none" : `${digits(100 * overloaded)} %`,
  ]);
  return {
    title: "Asked over a unix socket, many launches at a time",
    text: [
      `${daemon.connections} connections with ${daemon.in_flight} requests in flight each; new requests go out as answers come in. Who asks takes part of the machine, and as much with each. What is denied because there is too much to do is not counted.`,
    ],
    table: [["", "per second", "by echo", "by OPA", "denied as overloaded"], ...rows],
  };
}

function by(value: number, other: number | undefined): string {
  return other === undefined ? "" : digits(value / other);
}

function comparison({ comparison: found }: BenchReport): Section {
  if (found === null) return { title: "", text: [] };
  const rows = found.regressions.map(({ ratio, before, now, factor }) => [
    ratio,
    digits(before),
    digits(now),
    `${digits(factor)} times`,
  ]);
  const missing = found.missing.length === 0 ? [] : [`Not measured in this run: ${found.missing.join(", ")}.`];
  return {
    title: "Compared with the earlier run",
    text: [`${found.compared} ratios, ${rows.length} of them more than ${found.threshold} times worse.`, ...missing],
    table: [["ratio", "before", "now", "worse"], ...rows],
  };
}

function absent({ absent: found }: BenchReport): Section {
  return { title: "Not measured", text: [], table: [["", "why"], ...found.map(({ name, why }) => [name, why])] };
}

function method(report: BenchReport): Section {
  const { machine, method: how } = report;
  return {
    title: "Method and machine",
    text: [
      `Each subject is timed twice: calls alone, for the percentiles, and 32 in a row together, for what a call costs and for all ratios. The monotonic clock is read after ${how.warmup.toLocaleString("en")} calls to warm up; its ${how.clock_overhead_ns} ns are taken off. The subjects take turns in ${how.rounds} rounds, so ratios are of one run. Events are made before each call, which is not timed: each cold one has an ENCLAVEHASH, signature, Q1 and Q2 of its own. Decision and reasons are read in every call. No RSA where EINIT follows, as by default.`,
      `The data lists ${report.signers.toLocaleString("en")} signers with a product each and ${report.revoked.toLocaleString("en")} revoked measurements.`,
      `${machine.cpu}, ${machine.cores} cores, ${bytes(machine.memory_bytes)}, ${machine.platform}, Node ${machine.node}, V8 ${machine.v8}; Launchgate ${report.launchgate}; ${report.date}, ${digits(how.seconds)} s${how.quick ? ", --quick" : ""}.`,
      ...report.policies.map(
        ({ name, revision, sha256 }) => `Policy ${[name, revision].filter(Boolean).join(" ")} sha256:${sha256}.`,
      ),
    ],
  };
}

function time(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${digits(ns / 1000)} µs`;
  return ns < 1e9 ? `${digits(ns / 1e6)} ms` : `${digits(ns / 1e9)} s`;
}

function bytes(count: number): string {
  if (Math.abs(count) < 10_000) return `${count} B`;
  return Math.abs(count) < 1e7 ? `${digits(count / 1024)} KiB` : `${digits(count / 1024 / 1024)} MiB`;
}

/** Three digits that count, none lost before the point. */
function digits(value: number): string {
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(rounded(value).toPrecision(3)));
}
