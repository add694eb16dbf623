/** `launchgate eval` as its users run it. Truth: the Launchgate contract, section "CLI". */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import type { AuditRecord, DecisionJson } from "../../engine/index.js";
import { launchgate, ROOT, type RunOptions } from "../support/cli.js";
import { evalFiles, LEPUBKEYHASH, MRENCLAVE } from "./eval-files.js";

const FOLDER = evalFiles();

function evaluate(args: string, options: RunOptions = {}) {
  return launchgate(["eval", ...args.split(" ").filter((arg) => arg !== "")], { cwd: FOLDER, ...options });
}

const ajv = new Ajv({ strict: false });
const [isDecision, isAudit, isEvent] = ["decision", "audit", "event"].map((name) =>
  ajv.compile(JSON.parse(readFileSync(join(ROOT, "policies/schema", `${name}.schema.json`), "utf8"))),
) as [ReturnType<Ajv["compile"]>, ReturnType<Ajv["compile"]>, ReturnType<Ajv["compile"]>];

function errorsOf(validate: ReturnType<Ajv["compile"]>, value: unknown): unknown {
  return validate(value) ? [] : validate.errors;
}

/** Of a run with --format json that decided: the decision, which is all that stdout holds and fits its schema. */
function decisionOf(args: string, options?: RunOptions): DecisionJson & { readonly code: number | null } {
  const { code, stdout, stderr } = evaluate(`${args} --format json`, options);
  expect(stderr).toBe("");
  const decision = JSON.parse(stdout) as DecisionJson;
  expect(errorsOf(isDecision, decision)).toEqual([]);
  expect(code).toBe(decision.decision === "allow" ? 0 : 2);
  return { ...decision, code };
}

const codes = (reasons: DecisionJson["reasons"]) => reasons.map(({ code }) => code).sort();

/** The last lines of every text: what decided. */
const POLICY = evaluate("--sigstruct short").stdout.split("\n").slice(3).join("\n");

describe("decides, exit 0 allow and 2 deny", () => {
  test.each<[string, string, readonly string[], (readonly string[])?]>([
    ["a signer whom nobody listed", "--sigstruct release", ["signer_not_listed"]],
    ["a listed one", "--sigstruct release --data listed.json", []],
    ["a listed one, in YAML", "--sigstruct release --data listed.yaml", []],
    ["an ISVSVN below the listed one", "--sigstruct outdated --data listed.json", ["isvsvn_too_low"]],
    ["two data documents, the same twice", "--sigstruct release --data listed.json --data listed.yaml", []],
    ["two data documents, merged", "--sigstruct release --data listed.json --data revoked.yaml", ["mrenclave_revoked"]],
    ["a bad signature", "--sigstruct forged --data listed.json", ["SGX_INVALID_SIGNATURE"]],
    ["hex", "--sigstruct release.hex --data listed.json", []],
    ["base64 in lines", "--sigstruct release.base64 --data listed.json", []],

    ["profile strict by name", "--sigstruct release --profile strict", ["signer_not_listed"]],
    ["profile baseline", "--sigstruct release --profile baseline", []],
    ["profile baseline, debug on", "--sigstruct debug --profile baseline", ["debug_on"]],
    ["profile open, debug on", "--sigstruct debug --profile open", [], ["debug_on", "signer_not_listed"]],

    ["debug that nothing pins", "--sigstruct may-debug --profile baseline", ["debug_unknown"]],
    ["debug listed", "--sigstruct may-debug --data debug.json", []],
    [
      "attributes without debug",
      "--sigstruct may-debug --profile baseline --attributes 0x4:0x3",
      [],
      ["debug_launchable"],
    ],
    ["attributes with debug", "--sigstruct may-debug --profile baseline --attributes 0x6:0x3", ["debug_on"]],
    ["attributes without 0x, in capitals", "--sigstruct may-debug --profile baseline --attributes 6:3", ["debug_on"]],
    ["a SECS", "--sigstruct may-debug --profile baseline --secs secs", [], ["debug_launchable"]],
    ["a SECS in hex", "--sigstruct may-debug --profile baseline --secs secs.hex", [], ["debug_launchable"]],
    ["a SECS with debug", "--sigstruct may-debug --profile baseline --secs secs.debug", ["debug_on"]],
    [
      "a SECS that is not what was signed",
      "--sigstruct release --data listed.json --secs secs.debug",
      ["SGX_INVALID_ATTRIBUTE"],
    ],
    [
      "bounds that exclude debug",
      "--sigstruct may-debug --profile baseline --allowed 0x4:0x3",
      [],
      ["debug_launchable"],
    ],
    ["bounds that include debug", "--sigstruct may-debug --profile baseline --allowed 0x6:0x3", ["debug_unknown"]],

    ["a guest", "--sigstruct release --data listed.json --origin kvm", []],
    [
      "a guest, where guests may not",
      "--sigstruct release --data listed.json --data nokvm.yaml --origin kvm",
      ["origin_disabled"],
    ],
    ["the host, where guests may not", "--sigstruct release --data listed.json --data nokvm.yaml --origin native", []],
    [
      "a guest with bounds",
      "--sigstruct may-debug --profile baseline --origin kvm --allowed 0x4:0x3",
      [],
      ["debug_launchable"],
    ],
    ["a guest without", "--sigstruct may-debug --profile baseline --origin kvm", ["debug_unknown"]],
    [
      "a VM that is closed",
      "--sigstruct release --data listed.json --data lab.yaml --origin kvm --vm lab-1",
      ["vm_disabled"],
    ],
    ["another VM", "--sigstruct release --data listed.json --data lab.yaml --origin kvm --vm web-1", []],
    ["a file", "--sigstruct release --data listed.json --origin file", []],

    ["a token", "--sigstruct release --data listed.json --token token", []],
    ["Intel's launch token", "--sigstruct release --data listed.json --token token.launch", []],
    [
      "a token for another enclave",
      "--sigstruct release --data listed.json --token token.other",
      ["SGX_INVALID_MEASUREMENT"],
    ],
    [
      "the listed launch enclave",
      `--sigstruct release --data listed.json --data lehash.json --origin kvm --token token --lepubkeyhash ${LEPUBKEYHASH}`,
      [],
    ],
    [
      "the same in capitals",
      `--sigstruct release --data listed.json --data lehash.json --origin kvm --token token --lepubkeyhash ${LEPUBKEYHASH.toUpperCase()}`,
      [],
    ],
    [
      "a signer who is not the launch enclave, without token",
      `--sigstruct release --origin kvm --lepubkeyhash ${LEPUBKEYHASH}`,
      ["SGX_INVALID_EINITTOKEN"],
    ],
    [
      "another launch enclave",
      `--sigstruct release --data listed.json --data lehash.json --origin kvm --token token --lepubkeyhash ${MRENCLAVE}`,
      ["lepubkeyhash_not_listed"],
    ],

    ["PROVISIONKEY without grant", "--sigstruct provision --data provision.json", ["provisionkey_not_granted"]],
    ["PROVISIONKEY with grant", "--sigstruct provision --data provision.json --grant provisionkey", []],
    [
      "PROVISIONKEY with grant, not listed",
      "--sigstruct provision --data listed.json --grant provisionkey",
      ["provisionkey_not_listed"],
    ],

    ["too early", "--sigstruct release --data window.json --time 2025-12-31T23:59:59Z", ["signer_not_yet_valid"]],
    ["in time, to the second", "--sigstruct release --data window.json --time 2026-01-01T00:00:00Z", []],
    ["in time, in another zone", "--sigstruct release --data window.json --time 2026-12-31T17:59:59.9-05:00", []],
    ["too late", "--sigstruct release --data window.json --time 2026-12-31T23:00:01Z", ["signer_expired"]],

    ["lockdown", "--sigstruct debug --profile open --lockdown confidentiality", ["lockdown_debug"]],
    ["permissive", "--sigstruct release --permissive", ["no_allow"]],
  ])("%s", (_, args, denied, warned) => {
    const { decision, reasons, warnings, errno, einit_error } = decisionOf(args);
    const allowed = denied.length === 0;
    expect({ reasons: codes(reasons), decision, errno, einit_error }).toEqual({
      reasons: denied,
      ...(allowed ? { decision: "allow", errno: 0, einit_error: 0 } : { decision: "deny", errno: 13, einit_error: 16 }),
    });
    if (warned !== undefined) expect(codes(warnings)).toEqual(warned);
  });
});

describe("a structure of the wrong length is denied as malformed, naming the length found", () => {
  test.each([
    ["--sigstruct short", "SIGSTRUCT is 1807 bytes, expected 1808"],
    ["--sigstruct empty", "SIGSTRUCT is 0 bytes, expected 1808"],
    ["--sigstruct token", "SIGSTRUCT is 304 bytes, expected 1808"],
    ["--sigstruct release --token token.short", "EINITTOKEN is 303 bytes, expected 304"],
    ["--sigstruct release --secs secs.short", "SECS is 261 bytes, expected 4096, or at least its leading 262"],
    ["--sigstruct release --secs empty", "SECS is 0 bytes, expected 4096, or at least its leading 262"],
    ["--sigstruct -", "SIGSTRUCT is 0 bytes, expected 1808"],
  ])("%s", (args, message) => {
    const { code, reasons } = decisionOf(args);
    expect({ code, reasons }).toEqual({ code: 2, reasons: [{ code: "malformed", message, module: "event" }] });
    expect(evaluate(args).stdout).toBe(
      `deny${args.includes("secs") ? "" : " enclave_init"}\n  malformed  ${message} [event]\n\n${POLICY}`,
    );
  });
});

describe("what it cannot do is exit 1, with advice on stderr alone", () => {
  const allowed = /bound it by --allowed FLAGS:XFRM/;
  const rfc3339 = /expected RFC 3339 such as 2026-11-22T12:00:00Z/;
  test.each([
    ["", /nothing to decide: give --sigstruct FILE, or --event FILE/],
    ["--sigstruct nowhere", /cannot read nowhere: there is no such file/],
    ["--sigstruct .", /cannot read \.: it is a folder/],
    ["--sigstruct release --token nowhere", /cannot read nowhere/],
    ["--sigstruct release --secs nowhere", /cannot read nowhere/],
    ["--sigstruct release --data nowhere", /cannot read nowhere/],
    ["--sigstruct release --policy nowhere", /cannot read nowhere: there is no such policy folder or bundle/],
    ["--event nowhere", /cannot read nowhere/],
    ["--sigstruct release --secs release", /holds a SIGSTRUCT, expected a SECS/],
    ["--sigstruct release --origin kvm --attributes 0x4:0x3", allowed],
    ["--sigstruct release --origin kvm --secs secs", allowed],
    [
      "--sigstruct release --secs secs --attributes 0x4:0x3",
      /'--secs <file>' cannot be used with option '--attributes/,
    ],
    ["--sigstruct release --attributes 0x4", /expected FLAGS:XFRM in hex such as 0x4:0x3/],
    ["--sigstruct release --attributes 0x4:0x3:0x0", /expected FLAGS:XFRM/],
    ["--sigstruct release --attributes 0x4:", /expected FLAGS:XFRM/],
    ["--sigstruct release --allowed 0x4:0x10000000000000000", /--allowed is .*, expected FLAGS:XFRM/],
    ["--sigstruct release --lepubkeyhash 1234", /expected 64 hex digits/],
    ["--sigstruct release --origin guest", /Allowed choices are native, kvm, file/],
    ["--sigstruct release --grant einittokenkey", /Allowed choices are provisionkey/],
    ["--sigstruct release --time today", rfc3339],
    ["--sigstruct release --time 2026-11-22", rfc3339],
    ["--sigstruct release --time 2026-02-30T00:00:00Z", rfc3339],
    ["--sigstruct release --time 2026-11-22T25:00:00Z", rfc3339],
    ["--sigstruct release --format yaml", /Allowed choices are text, json, audit/],
    ["--sigstruct release --lockdown most", /Allowed choices are none/],
  ])("%s", (args, advice) => {
    const { code, stdout, stderr } = evaluate(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(advice);
  });
});

describe("a policy or data that is invalid is exit 3, with the fault on stderr alone", () => {
  test.each([
    ["--data misspelt.yaml", /signer/],
    ["--data list.yaml", /list\.yaml: found no object at the top, expected one/],
    ["--data broken.yaml", /broken\.yaml: Map keys must be unique/],
    ["--data release", /release: it is not UTF-8/],
    ["--data fragment.yaml", /there is no fragment "intel", expected one of intel-dcap/],
    ["--data listed.json --data renamed.json", /somebody else/],
    ["--profile lenient", /profile must be one of \["strict","baseline","open"\]/],
    ["--policy release", /bundle/],
  ])("%s", (args, fault) => {
    const { code, stdout, stderr } = evaluate(`--sigstruct release ${args}`);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(fault);
  });
});

describe("--event", () => {
  const record = JSON.parse(evaluate("--sigstruct release --data listed.json --format audit").stdout) as AuditRecord;
  const event = record.input as NonNullable<AuditRecord["input"]>;
  const withEvent = (value: unknown): RunOptions => ({
    input: typeof value === "string" ? value : JSON.stringify(value),
  });

  test("decides what the audit record of the same launch holds", () => {
    writeFileSync(join(FOLDER, "event.json"), JSON.stringify(event));
    expect(codes(decisionOf("--event event.json").reasons)).toEqual(["signer_not_listed"]);
    expect(decisionOf("--event event.json --data listed.json").decision).toBe("allow");
    expect(decisionOf("--event event.json --profile baseline").decision).toBe("allow");
  });

  test("takes its time from the event alone", () => {
    const at = (time: number) =>
      codes(decisionOf("--event - --data window.json", withEvent({ ...event, time })).reasons);
    expect([at(1_767_225_599), at(1_767_225_600), at(1_798_758_000)]).toEqual([
      ["signer_not_yet_valid"],
      [],
      ["signer_expired"],
    ]);
  });

  test.each([
    ["--sigstruct", "release"],
    ["--origin", "native"],
    ["--secs", "secs"],
    ["--attributes", "0x4:0x3"],
    ["--allowed", "0x4:0x3"],
    ["--token", "token"],
    ["--lepubkeyhash", LEPUBKEYHASH],
    ["--grant", "provisionkey"],
    ["--vm", "web-1"],
    ["--time", "2026-11-22T12:00:00Z"],
  ])("leaves no place for %s, which describes a launch too", (option, value) => {
    const { code, stdout, stderr } = evaluate(`--event - ${option} ${value}`, withEvent(event));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`so ${option} has no place beside it`);
  });

  test.each<[string, unknown, string]>([
    ["an empty object", {}, "bad_event"],
    ["a list", [event], "bad_event"],
    ["a word", '"allow"', "bad_event"],
    ["null", null, "bad_event"],
    ["an unknown key", { ...event, allow: true }, "bad_event"],
    ["a derived field", { ...event, enclave: { debug: "off" } }, "bad_event"],
    ["a key named __proto__", '{"__proto__": {"v": 1}}', "bad_event"],
    ["a time in words", { ...event, time: "2026-11-22T12:00:00Z" }, "bad_event"],
    ["a missing SIGSTRUCT", { ...event, sigstruct: null }, "bad_event"],
    ["a SIGSTRUCT that is no base64", { ...event, sigstruct: "!" }, "malformed"],
    ["a short SIGSTRUCT", { ...event, sigstruct: "AAAA" }, "malformed"],
  ])("denies what is no event: %s", (_, value, code) => {
    expect(codes(decisionOf("--event -", withEvent(value)).reasons)).toEqual([code]);
    expect(codes(decisionOf("--event - --profile open", withEvent(value)).reasons)).toEqual([code]);
  });

  test.each([
    ["half an object", '{"v": 1', /no JSON/],
    ["YAML", "v: 1\nhook: enclave_init\n", /no JSON/],
    [
      "a key twice, in which two readers could see two events",
      `{"time": 1, ${JSON.stringify(event).slice(1)}`,
      /"time" stands twice/,
    ],
  ])("cannot read %s", (_, text, fault) => {
    const { code, stdout, stderr } = evaluate("--event -", withEvent(text));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(fault);
  });
});

describe("--format audit", () => {
  test.each([
    ["an allow", "--sigstruct release --data listed.json"],
    ["a denial", "--sigstruct may-debug --data listed.json --origin kvm --vm web-1 --allowed 0x6:0x3"],
    ["a token", "--sigstruct release --data listed.json --token token.other --lepubkeyhash 11"],
    ["a grant", "--sigstruct provision --data provision.json --grant provisionkey --secs secs"],
    ["a short SIGSTRUCT", "--sigstruct short"],
  ])("of %s is one line, fits the schema, and decides the same again", (_, args) => {
    const given = args.replace(/ 11$/, ` ${LEPUBKEYHASH}`);
    const { code, stdout, stderr } = evaluate(`${given} --format audit`);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^\{.*\}\n$/);
    const record = JSON.parse(stdout) as AuditRecord;
    expect(errorsOf(isAudit, record)).toEqual([]);
    expect(errorsOf(isDecision, record.result)).toEqual([]);
    expect(errorsOf(isEvent, record.input)).toEqual([]);

    const data = [...given.matchAll(/--data \S+/g)].join(" ");
    const again = evaluate(`--event - --format audit ${data}`, { input: JSON.stringify(record.input) });
    const replayed = JSON.parse(again.stdout) as AuditRecord;
    const decision_id = expect.any(String);
    expect(again.code).toBe(code);
    expect(replayed).toEqual({ ...record, decision_id, result: { ...record.result, decision_id } });
  });
});

describe("stdin and streams", () => {
  test("- is stdin, for bytes and for text", () => {
    for (const name of ["release", "release.hex", "release.base64"]) {
      const input = readFileSync(join(FOLDER, name));
      expect(decisionOf("--sigstruct - --data listed.json", { input }).decision).toBe("allow");
    }
  });

  test("JSON is one document and says the same as text", () => {
    const text = evaluate("--sigstruct release");
    expect({ code: text.code, stderr: text.stderr }).toEqual({ code: 2, stderr: "" });
    const { reasons, policy } = decisionOf("--sigstruct release");
    expect(text.stdout.split("\n").slice(0, 2)).toEqual([
      "deny enclave_init (native)",
      `  ${reasons[0]?.code}  ${reasons[0]?.message} [${reasons[0]?.module}]`,
    ]);
    expect(text.stdout).toContain(policy[0]?.sha256.slice(0, 16));
  });
});
