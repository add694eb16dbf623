/** `launchgate replay` as its users run it, over logs that the gate itself has written. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Replay } from "../../cli/replay/run.js";
import type { LaunchEvent } from "../../engine/index.js";
import { launchgate, ROOT, type RunOptions } from "../support/cli.js";
import { makeSigstruct } from "../support/sigstructs.js";
import { AUTHOR, at, FOLDER, file, json, LISTED, lines, OTHER, recorded, travelling } from "./replay-logs.js";

function run(args: string, options: RunOptions = {}) {
  return launchgate(["replay", ...args.split(" ").filter((arg) => arg !== "")], { cwd: FOLDER, ...options });
}

function replayed(
  args: string,
  options?: RunOptions,
): Replay & { readonly code: number | null; readonly stderr: string } {
  const { code, stdout, stderr } = run(`${args} --format json`, options);
  return { ...(JSON.parse(stdout) as Replay), code, stderr };
}

const VERSION = String(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);
const NOTHING = { same: 0, allow_to_deny: 0, deny_to_allow: 0, reasons_changed: 0, new: 0, without_event: 0 };

/** The author's enclave as a native launch and as a guest's, an outdated one, somebody else's, and no event at all. */
const kvm: Partial<LaunchEvent> = {
  origin: { kind: "kvm", enforcement: "kernel", process: null, vm: { id: "vm-1", name: null }, guest: null },
};
const EVENTS: readonly unknown[] = [
  at(0),
  at(1),
  at(2, kvm),
  at(3, { sigstruct: makeSigstruct({ isvsvn: 0 }) }),
  at(4, { sigstruct: makeSigstruct({}, "other") }),
  { nothing: true },
];
const RECORDS = EVENTS.map((event) => recorded(event, { data: [LISTED] }));
file("log.jsonl", lines(RECORDS));
file("log.jsonl.gz", Buffer.concat([gzipSync(lines(RECORDS.slice(0, 2))), gzipSync(lines(RECORDS.slice(2)))]));
file("events.jsonl", lines(EVENTS.slice(0, 5).map((event) => travelling(event as LaunchEvent))));
json("listed.json", LISTED);
json("other.json", { version: 1, signers: { [OTHER]: { name: "somebody \u001b[31melse" } } });
json("lower.json", { version: 1, signers: { [AUTHOR]: { name: "the author", products: { "1": { min_isvsvn: 0 } } } } });
json("revoking.json", { ...LISTED, revoked: { mrsigners: { [OTHER]: { reason: "leaked" } } } });

describe("replay", () => {
  test("against the policy that decided finds nothing changed", () => {
    const found = replayed("log.jsonl --data listed.json --fail-on any");
    expect([found.code, found.stderr]).toEqual([0, ""]);
    expect(found.counts).toEqual({ ...NOTHING, same: 5, without_event: 1 });
    expect(found.changes).toEqual([]);
  });

  test("tells what flips, by who and why, with records to look up, and exits 0 where no gate was asked for", () => {
    const found = replayed("log.jsonl --data other.json --examples 1");
    expect([found.code, found.stderr]).toEqual([0, ""]);
    expect(found.counts).toEqual({
      ...NOTHING,
      allow_to_deny: 3,
      deny_to_allow: 1,
      reasons_changed: 1,
      without_event: 1,
    });
    const id = (line: number) => (RECORDS[line - 1] as { decision_id: string }).decision_id;
    const common = { hook: "enclave_init", origin: "native", mrsigner: AUTHOR, signer: null, isvprodid: 1, records: 1 };
    const seen = (line: number) => ({ examples: [{ file: "log.jsonl", line, decision_id: id(line) }] });
    const time = 1_795_300_000;
    expect(found.changes).toEqual([
      {
        ...{ ...common, change: "allow_to_deny", before: [], after: ["signer_not_listed"], records: 2 },
        ...{ first: time, last: time + 1, ...seen(1) },
      },
      {
        ...{ ...common, change: "allow_to_deny", origin: "kvm", before: [], after: ["signer_not_listed"] },
        ...{ first: time + 2, last: time + 2, ...seen(3) },
      },
      {
        ...{ ...common, change: "deny_to_allow", mrsigner: OTHER, signer: "somebody \u001b[31melse" },
        ...{ before: ["signer_not_listed"], after: [], first: time + 4, last: time + 4, ...seen(5) },
      },
      {
        ...{ ...common, change: "reasons_changed", before: ["isvsvn_too_low"], after: ["signer_not_listed"] },
        ...{ first: time + 3, last: time + 3, ...seen(4) },
      },
    ]);
  });

  test("counts by origin, hook, signer, rule and recorded policy", () => {
    const found = replayed("log.jsonl --data other.json");
    const names = (table: Replay["by_origin"]) => table.rows.map(({ name, records }) => [name, records]);
    expect(names(found.by_origin)).toEqual([
      ["native", 4],
      ["kvm", 1],
      ["unreadable", 1],
    ]);
    expect(names(found.by_hook)).toEqual([
      ["enclave_init", 5],
      ["unreadable", 1],
    ]);
    expect(names(found.by_signer)).toEqual([
      [AUTHOR, 4],
      [OTHER, 1],
      ["none", 1],
    ]);
    expect(names(found.by_policy)).toEqual([
      [expect.stringMatching(/^launchgate sha256:[0-9a-f]{16}, generation 1$/), 6],
    ]);
    expect(found.by_rule).toEqual([
      { code: "signer_not_listed", newly_denies: 4, no_longer_denies: 1 },
      { code: "isvsvn_too_low", newly_denies: 0, no_longer_denies: 1 },
    ]);
  });

  test("prints the same for people, and lets no escape through", () => {
    const { code, stdout, stderr } = run("log.jsonl --data other.json --examples 1");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).not.toContain("\u001b");
    const [author, other] = [AUTHOR, OTHER].map((signer) => `${signer.slice(0, 16)}…`);
    const example = (line: number) =>
      `log.jsonl:${line} (${(RECORDS[line - 1] as { decision_id: string }).decision_id})`;
    const steady = stdout
      .replaceAll(/sha256:[0-9a-f]{16,}/g, (hash) => `sha256:${"h".repeat(hash.length - 7)}`)
      .replace(/\(\d+ ms\)$/m, "(<n> ms)");
    expect(
      steady,
    ).toBe(`launchgate replay  6 records against launchgate ${VERSION} sha256:${"h".repeat(16)}…: 3 allow → deny, 1 deny → allow, 1 denied for other reasons

allow → deny
  warn   1. signer ${author}, product 1, enclave_init from native: signer_not_listed  log.jsonl:1
         signer_not_listed  warning: 2 records: allow → deny
         decision  allow  →  deny signer_not_listed  stronger
           what launched will no longer launch
         records    2
         hook       enclave_init
         origin     native
         mrsigner   ${AUTHOR}
         isvprodid  1
         when       2026-11-21T22:26:40Z to 2026-11-21T22:26:41Z
         example    ${example(1)}
  warn   2. signer ${author}, product 1, enclave_init from kvm: signer_not_listed  log.jsonl:3
         signer_not_listed  warning: 1 record: allow → deny
         decision  allow  →  deny signer_not_listed  stronger
           what launched will no longer launch
         records    1
         hook       enclave_init
         origin     kvm
         mrsigner   ${AUTHOR}
         isvprodid  1
         when       2026-11-21T22:26:42Z
         example    ${example(3)}

deny → allow
  warn   1. somebody �[31melse (${other}), product 1, enclave_init from native: no longer signer_not_listed  log.jsonl:5
         signer_not_listed  warning: 1 record: deny → allow, no longer signer_not_listed
         decision  deny signer_not_listed  →  allow  weaker
           what was kept out will launch
         records    1
         hook       enclave_init
         origin     native
         mrsigner   ${OTHER}
         isvprodid  1
         when       2026-11-21T22:26:44Z
         example    ${example(5)}

denied for other reasons
  pass   1. signer ${author}, product 1, enclave_init from native: isvsvn_too_low → signer_not_listed  log.jsonl:4
         signer_not_listed  note: 1 record: denied for other reasons, isvsvn_too_low → signer_not_listed
         decision  deny isvsvn_too_low  →  deny signer_not_listed
           still denied, for other reasons
         records    1
         hook       enclave_init
         origin     native
         mrsigner   ${AUTHOR}
         isvprodid  1
         when       2026-11-21T22:26:43Z
         example    ${example(4)}

unchanged
  skip   1 denial of what was no event

by origin
              the same  allow → deny  deny → allow  denied for other reasons
  native      ✓ 0       ! 2           ! 1           ! 1
  kvm         ✓ 0       ! 1           ✓ 0           ✓ 0
  unreadable  ✓ 0       ✓ 0           ✓ 0           ✓ 0

by signer
${" ".repeat(68)}the same  allow → deny  deny → allow  denied for other reasons
  ${AUTHOR}  ✓ 0       ! 3           ✓ 0           ! 1
  ${OTHER}  ✓ 0       ✓ 0           ! 1           ✓ 0
  none${" ".repeat(62)}✓ 0       ✓ 0           ✓ 0           ✓ 0

by hook
                the same  allow → deny  deny → allow  denied for other reasons
  enclave_init  ✓ 0       ! 3           ! 1           ! 1
  unreadable    ✓ 0       ✓ 0           ✓ 0           ✓ 0

by recorded policy
                                                    the same  allow → deny  deny → allow  denied for other reasons
  launchgate sha256:${"h".repeat(16)}, generation 1  ✓ 0       ! 3           ! 1           ! 1

  logs                          log.jsonl
  records                       6
  allow → deny                  3
  deny → allow                  1
  denied for other reasons      1
  denials of what was no event  1
  policy                        launchgate ${VERSION} sha256:${"h".repeat(64)}

warn   5 cases: 3 with warnings, 1 skipped, 1 pass (<n> ms)
`);
  });
});

describe("gates", () => {
  test.each([
    ["--fail-on allow-to-deny", 2],
    ["--fail-on deny-to-allow", 2],
    ["--fail-on reasons-changed", 2],
    ["--fail-on any", 2],
    ["--max-allow-to-deny 2", 2],
    ["--max-allow-to-deny 3", 0],
    ["--max-deny-to-allow 0", 2],
    ["--max-deny-to-allow 1", 0],
    ["--max-allow-to-deny 3 --max-deny-to-allow 0", 2],
    ["--fail-on allow-to-deny --origin file", 1],
    ["--fail-on deny-to-allow --origin kvm", 0],
    ["--fail-on sometimes", 1],
    ["--max-allow-to-deny -1", 1],
  ])("%s: exit %d", (gates, code) => {
    expect(run(`log.jsonl --data other.json ${gates}`).code).toBe(code);
  });

  test("each gate says what it found and what it expected", () => {
    const found = replayed("log.jsonl --data other.json --fail-on allow-to-deny --max-deny-to-allow 1");
    expect((found as unknown as { gates: unknown }).gates).toEqual([
      { gate: "--fail-on allow-to-deny", change: "allow_to_deny", found: 3, limit: 0, passed: false },
      { gate: "--max-deny-to-allow", change: "deny_to_allow", found: 1, limit: 1, passed: true },
    ]);
    expect(found.stderr).toBe("launchgate: --fail-on allow-to-deny: found 3, expected at most 0\n");
  });

  test("none is passed by comparing nothing: bare events need --old", () => {
    const { code, stderr } = run("events.jsonl --fail-on any");
    expect([code, stderr]).toEqual([1, expect.stringContaining("give --old what decided before")]);
    expect(run("events.jsonl --data other.json --old-data listed.json --fail-on any").code).toBe(2);
  });

  test("none is passed by an empty log", () => {
    file("empty.jsonl", "\n \r\n");
    const { code, stderr } = run("empty.jsonl --fail-on any");
    expect([code, stderr]).toEqual([1, "launchgate: the log holds no record to look at\n"]);
    expect(run("empty.jsonl").stdout).toMatch(/^no cases: nothing was judged /m);
  });
});

describe("what is compared", () => {
  test("bare events alone are only decided", () => {
    const found = replayed("events.jsonl --data listed.json");
    expect([found.code, found.counts, found.new]).toEqual([0, { ...NOTHING, new: 5 }, { allow: 3, deny: 2 }]);
  });

  test("--old decides what came before, for bare events and records alike", () => {
    const flips = { allow_to_deny: 3, deny_to_allow: 1, reasons_changed: 1 };
    const bare = replayed("events.jsonl --data other.json --old-data listed.json");
    expect(bare.counts).toEqual({ ...NOTHING, ...flips });
    expect(replayed("log.jsonl --data other.json --old-profile open").counts).toEqual({
      ...{ ...NOTHING, allow_to_deny: 4, same: 1, without_event: 1 },
    });
  });

  test("what was denied becomes no allow on an unproved signature, and a host's allow stays one", () => {
    const forged = makeSigstruct().with(600, 0x5a);
    file("forged.jsonl", lines([recorded(at(0, { sigstruct: forged })), travelling(at(0, { sigstruct: forged }))]));
    const args = "forged.jsonl --data listed.json";
    expect(replayed(args).counts).toEqual({ ...NOTHING, reasons_changed: 1, new: 1 });
    expect(replayed(args).new).toEqual({ allow: 1, deny: 0 });
    expect(replayed(`${args} --signature-check always`).new).toEqual({ allow: 0, deny: 1 });
    expect(replayed(`${args} --signature-check never`).counts.deny_to_allow).toBe(1);
  });

  test("a denial for its signature is the same denial, whoever checked it then", () => {
    const sigstruct = makeSigstruct().with(600, 0x5a);
    file("checked.jsonl", lines([recorded(at(0, { sigstruct }), { data: [LISTED], signatureCheck: "always" })]));
    expect(replayed("checked.jsonl --data listed.json").counts).toEqual({ ...NOTHING, same: 1 });
  });

  test("the recorded verdict counts; with --would, what permissive modules would have denied", () => {
    const policy = { name: "other", mayAllow: true, hooks: { enclave_init: () => ({ answer: "allow" as const }) } };
    const permissive = recorded(at(0), { permissive: ["policy"], modules: [policy] });
    expect(permissive).toMatchObject({ mode: "permissive", result: { decision: "allow" } });
    file("permissive.jsonl", lines([permissive]));
    expect(replayed("permissive.jsonl").counts).toEqual({ ...NOTHING, allow_to_deny: 1 });
    expect(replayed("permissive.jsonl --would").counts).toEqual({ ...NOTHING, same: 1 });
  });

  test("each event is decided at its own time", () => {
    const until = { version: 1, signers: { [AUTHOR]: { name: "the author", not_after: "2026-11-21T22:26:41Z" } } };
    json("until.json", until);
    const found = replayed("log.jsonl --data until.json --hook enclave_init");
    expect(found.changes.map(({ change, after, records }) => [change, after, records])).toEqual([
      ["allow_to_deny", ["signer_expired"], 1],
      ["reasons_changed", ["signer_expired"], 1],
    ]);
  });

  test("hooks without a SIGSTRUCT are replayed too", () => {
    const event = { ...at(0, kvm), hook: "vm_epc", sigstruct: null, secs: null };
    file("epc.jsonl", lines([recorded(event)]));
    json("epc.json", { version: 1, vms: { "vm-1": { epc: true } } });
    expect(replayed("epc.jsonl --data epc.json").changes).toMatchObject([
      { change: "deny_to_allow", hook: "vm_epc", mrsigner: null, isvprodid: null, before: ["vm_epc_not_listed"] },
    ]);
  });
});

describe("which records", () => {
  test.each([
    ["--since 2026-11-21T22:26:42Z", 4, 2],
    ["--until 2026-11-21T22:26:41Z", 3, 3],
    ["--origin kvm", 2, 4],
    ["--origin native,kvm", 6, 0],
    ["--hook vm_epc", 1, 5],
    ["--limit 2", 2, 0],
  ])("%s: %d records", (options, records, filtered) => {
    const { summary } = replayed(`log.jsonl --data listed.json ${options}`);
    expect([summary.records, summary.filtered, summary.limited]).toEqual([
      records,
      filtered,
      options.includes("limit"),
    ]);
  });

  test.each(["--since yesterday", "--origin mars", "--hook x", "--limit -1", "--skip-invalid x"])(
    "%s: exit 1, and says what was expected",
    (options) => {
      const { code, stdout, stderr } = run(`log.jsonl ${options}`);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringMatching(/[Ee]xpected/)]);
    },
  );
});

describe("where logs come from", () => {
  test("gzip of several members, by its content and not by its name", () => {
    file("packed.log", gzipSync(lines(RECORDS)));
    for (const name of ["log.jsonl.gz", "packed.log"])
      expect(replayed(`${name} --data listed.json`).counts).toEqual({ ...NOTHING, same: 5, without_event: 1 });
  });

  test("several, in their order, and stdin, gzip or not", () => {
    for (const input of [lines(RECORDS), gzipSync(lines(RECORDS))]) {
      const { summary, logs } = replayed("log.jsonl - --data listed.json", { input });
      expect([summary.records, logs]).toEqual([12, ["log.jsonl", "-"]]);
    }
  });

  test.each([
    ["no-such.jsonl", "cannot read no-such.jsonl: there is no such file"],
    [".", "cannot read .: it is a folder"],
    ["- -", "- is named twice, and stdin can be read only once"],
  ])("%s: exit 1", (args, message) => {
    expect(run(args)).toEqual({ code: 1, stdout: "", stderr: `launchgate: ${message}\n` });
  });

  test("gzip that ends early or is damaged: exit 1, whatever --skip-invalid says", () => {
    const whole = gzipSync(lines(RECORDS));
    file("torn.gz", whole.subarray(0, whole.length - 20));
    file("damaged.gz", whole.with(whole.length >> 1, 0xff ^ (whole[whole.length >> 1] ?? 0)));
    for (const name of ["torn.gz", "damaged.gz"])
      expect(run(`${name} --skip-invalid 1000`)).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(/^launchgate: \S+ is damaged gzip/),
      });
  });

  test("a policy that is none: exit 3", () => {
    json("bad.json", { version: 1, signer: {} });
    expect(run("log.jsonl --data bad.json")).toMatchObject({ code: 3, stdout: "" });
  });
});

describe("what a daemon's log says beside decisions", () => {
  const chain = { seq: 1, prev: "00".repeat(32) };
  const others = [
    { kind: "genesis", version: 1, chain },
    { kind: "policy_loaded", generation: 1, chain },
    { kind: "result", decision_id: "x", errno: 0, chain },
    { kind: "something of a later version", chain },
  ];
  file("daemon.jsonl", lines([...others.map((line) => JSON.stringify(line)), JSON.stringify(RECORDS[0])]));

  test("is counted, and is neither a decision nor broken", () => {
    expect(replayed("daemon.jsonl").summary).toMatchObject({ lines: 5, records: 1, others: 4, broken: 0 });
  });

  test("hides no decision, and is not what has no place in the chain", () => {
    const named = JSON.stringify({ ...(RECORDS[0] as object), kind: "result", chain });
    file("named.jsonl", lines([named, JSON.stringify({ kind: "result" })]));
    expect(replayed("named.jsonl").summary).toMatchObject({ records: 1, others: 0, broken: 1 });
  });
});

describe("broken lines", () => {
  const good = JSON.stringify(RECORDS[0]);
  file("broken.jsonl", lines([good, "{", good, "[]"]) + good.slice(0, 100));

  test("are counted, shown by their lines, and make the exit 1", () => {
    const found = replayed("broken.jsonl --data listed.json --fail-on any");
    expect(found.code).toBe(1);
    expect(found.summary).toEqual({
      ...{ lines: 5, records: 2, filtered: 0, others: 0, broken: 3, limited: false },
      shown: [
        { file: "broken.jsonl", line: 2, why: "it is no JSON" },
        { file: "broken.jsonl", line: 4, why: "it is no JSON object" },
        { file: "broken.jsonl", line: 5, why: "it is no JSON; the log ends in the middle of this line" },
      ],
    });
    expect(found.stderr).toMatch(/^launchgate: 3 lines are broken, .*--skip-invalid 3/);
  });

  test("are put up with where --skip-invalid says so, and still shown", () => {
    expect(run("broken.jsonl --data listed.json --skip-invalid 2").code).toBe(1);
    const { code, stdout } = run("broken.jsonl --data listed.json --skip-invalid 3");
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining("  warn   broken.jsonl:4\n         broken_line  warning: it is no JSON object\n"),
    ]);
  });

  test("a record whose decision is about other bytes than its event holds is broken", () => {
    const [first, , , outdated] = RECORDS as { input: object; result: object }[];
    file("swapped.jsonl", lines([{ ...first, input: { ...outdated?.input, time: 1_795_300_000 } }]));
    const found = replayed("swapped.jsonl");
    expect([found.code, found.summary.shown]).toEqual([
      1,
      [{ file: "swapped.jsonl", line: 1, why: "its decision is about another SIGSTRUCT than its event holds" }],
    ]);
  });
});
