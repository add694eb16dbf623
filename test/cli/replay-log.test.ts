/** Reading logs that somebody else has written: total on every byte, in bounded memory, and exact about what was no record. */

import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { collector, heldBytes } from "../../cli/bench/memory.js";
import { takeStructures } from "../../cli/replay/decide-again.js";
import { LineSplitter, MAX_LINE_BYTES } from "../../cli/replay/log-lines.js";
import { readRecord } from "../../cli/replay/log-record.js";
import type { LogSource } from "../../cli/replay/log-source.js";
import { progressText } from "../../cli/replay/progress.js";
import { replayReport } from "../../cli/replay/report.js";
import { type Replay, replay } from "../../cli/replay/run.js";
import { Tally } from "../../cli/replay/tally.js";
import { createGate, type JsonObject, shippedPolicy } from "../../hooks/index.js";
import { makeSigstruct, makeToken } from "../support/sigstructs.js";
import { at, FOLDER, LISTED, recorded, travelling } from "./replay-logs.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const QUIET = { at: () => undefined, clear: () => undefined };
const EVERYTHING = { since: null, until: null, origins: null, hooks: null, limit: null };

describe("lines", () => {
  function split(chunks: readonly Uint8Array[]): readonly string[] {
    const splitter = new LineSplitter();
    const found = chunks.flatMap((chunk) =>
      [...splitter.push(chunk)].map(({ bytes: own }) => Buffer.from(own ?? []).toString("latin1")),
    );
    const last = splitter.end();
    return last === null ? [...found, ""] : [...found, Buffer.from(last.bytes ?? []).toString("latin1")];
  }

  test("are what lies between line feeds, however the chunks are cut", () => {
    const chunk = fc.array(fc.constantFrom(0x0a, 0x41, 0x0d, 0xff), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
        const whole = Buffer.from(chunks.flat()).toString("latin1");
        expect(split(chunks.map((part) => Uint8Array.from(part)))).toEqual(whole.split("\n"));
      }),
    );
  });

  test("a line longer than the bound is counted and not kept, and the next one is whole", () => {
    const splitter = new LineSplitter();
    const part = new Uint8Array(MAX_LINE_BYTES / 4).fill(0x41);
    const collect = collector();
    collect();
    const before = heldBytes();
    for (let times = 0; times < 400; times += 1) expect([...splitter.push(part.slice())]).toEqual([]);
    collect();
    expect(heldBytes() - before).toBeLessThan(4 * MAX_LINE_BYTES);
    expect([...splitter.push(bytes("x\nnext\n"))]).toEqual([
      { number: 1, bytes: null, ended: true },
      { number: 2, bytes: bytes("next"), ended: true },
    ]);
    expect(splitter.end()).toBeNull();
  });

  test("a line of exactly the bound is kept", () => {
    const [line] = new LineSplitter().push(new Uint8Array(MAX_LINE_BYTES + 1).fill(0x20).with(MAX_LINE_BYTES, 0x0a));
    expect(line?.bytes?.length).toBe(MAX_LINE_BYTES);
  });
});

const RECORD = recorded(at(0)) as { readonly input: JsonObject; readonly result: JsonObject };
const AUDIT = JSON.stringify(RECORD);

describe("records", () => {
  test("an audit record gives its event, decision and codes", () => {
    expect(readRecord(bytes(AUDIT))).toEqual({
      event: RECORD.input,
      recorded: {
        ...{ decision_id: RECORD.result["decision_id"], decision: "deny", codes: ["signer_not_listed"], wouldDeny: [] },
        ...{ hook: "enclave_init", time: 1_795_300_000, token_sha256: null, generation: 1 },
        ...{ sigstruct_sha256: RECORD.result["sigstruct_sha256"], policy: RECORD.result["policy"] },
      },
    });
  });

  test("keys that a later version adds to the record, and a byte order mark, are passed over", () => {
    expect(readRecord(bytes(`\ufeff${JSON.stringify({ ...RECORD, labels: { id: "x" } })}`))).toMatchObject({
      event: RECORD.input,
    });
  });

  const result = (more: object) => JSON.stringify({ ...RECORD, result: { ...RECORD.result, ...more } });
  test.each<[string, string | Uint8Array, string]>([
    ["binary", Uint8Array.of(0xff, 0xfe, 0x00), "it is not UTF-8"],
    ["NUL bytes", "\u0000\u0000", "it is no JSON"],
    ["a number", "1", "it is no JSON object"],
    ["deep arrays", `${"[".repeat(200_000)}${"]".repeat(200_000)}`, "it is no JSON object"],
    ["deep objects", `{"a":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}`, "it is nested deeper than 16 levels"],
    [
      "a decision that stands twice",
      AUDIT.replace('"decision":"deny"', '"decision":"deny","decision":"allow"'),
      "a key stands twice in one object",
    ],
    [
      "the same by an escape",
      AUDIT.replace('"decision":"deny"', '"decision":"deny","d\\u0065cision":"allow"'),
      "a key stands twice in one object",
    ],
    ["an event twice", AUDIT.replace('"input":{', '"input":{},"input" : {'), "a key stands twice in one object"],
    [
      "something else",
      '{"msg":"hello"}',
      "it is neither an audit record (with input and result) nor a LaunchEvent (with v and hook)",
    ],
    [
      "__proto__ for both",
      '{"__proto__":{"v":1,"hook":"enclave_init","result":{},"input":{}}}',
      "it is neither an audit record (with input and result) nor a LaunchEvent (with v and hook)",
    ],
    ["a text for an event", JSON.stringify({ ...RECORD, input: "x" }), "input is neither a LaunchEvent nor null"],
    [
      "an allow of nothing",
      JSON.stringify({ ...RECORD, input: null, result: { ...RECORD.result, decision: "allow", reasons: [] } }),
      "it records that something was allowed, and not what",
    ],
    ["no result", JSON.stringify({ ...RECORD, result: [] }), "result is no object"],
    ["maybe", result({ decision: "maybe" }), "result.decision is neither allow nor deny"],
    ["a denial without reasons", result({ reasons: [] }), "it records deny with 0 reasons"],
    ["an allow with reasons", result({ decision: "allow" }), "it records allow with 1 reasons"],
    ["a code that is none", result({ reasons: [{ code: "\u001b[2J" }] }), "result.reasons is no list of reasons"],
    [
      "codes by the thousand",
      result({ reasons: Array(300).fill({ code: "x" }) }),
      "result.reasons is no list of reasons",
    ],
    ["would_deny that is none", result({ would_deny: {} }), "result.would_deny is no list of reasons"],
    ["another hook", result({ hook: "vm_epc" }), "its decision is about another hook than its event"],
    ["another time", result({ time: 1 }), "its decision is of another time than its event"],
    ["policies that are none", result({ policy: [{}] }), "result.policy is no list of policies"],
    ["no id", result({ decision_id: 7 }), "result.decision_id is no id"],
  ])("%s is none", (_, line, why) => {
    expect(readRecord(typeof line === "string" ? bytes(line) : line)).toBe(why);
  });

  test("whatever the bytes, there is a record or a sentence", () => {
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json({ maxDepth: 6 }).map(bytes),
      fc
        .tuple(fc.nat(AUDIT.length), fc.string({ maxLength: 4 }))
        .map(([cut, put]) => bytes(AUDIT.slice(0, cut) + put + AUDIT.slice(cut + 1))),
    );
    fc.assert(
      fc.property(line, (given) => {
        const found = readRecord(given);
        if (typeof found === "string") expect(found).toMatch(/^(it|result|result\.\w+|input|a key|its) \P{Cc}+$/u);
        else if (found !== null) expect(found.event !== null || found.recorded?.decision === "deny").toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("strings of any content do not pass for keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.array(fc.string()))), (labels) => {
        expect(typeof readRecord(bytes(JSON.stringify({ ...RECORD, labels })))).toBe("object");
      }),
    );
  });
});

test("structures taken as bytes are judged as their base64 is, right and wrong ones", () => {
  const gate = createGate({ data: [LISTED] });
  const base64 = Buffer.from(makeSigstruct()).toString("base64");
  const token = Buffer.from(makeToken()).toString("base64");
  for (const sigstruct of [
    base64,
    base64.replace("=", "A"),
    `${base64.slice(0, -2)}B=`,
    base64.slice(4),
    "",
    "\u0000",
    null,
  ]) {
    for (const own of [null, token, `${token.slice(0, -1)}=`, "x"]) {
      const event = { ...(travelling(at(0)) as JsonObject), sigstruct, token: own };
      const copy = structuredClone(event);
      takeStructures(copy);
      const plain = gate.decide(event).toJSON();
      expect({ ...gate.decide(copy).toJSON(), decision_id: "" }).toEqual({ ...plain, decision_id: "" });
    }
  }
});

describe("in bounded memory", () => {
  /** The records of a log that is never anywhere as a whole. */
  function endless(line: (at: number) => string, count: number): LogSource {
    return {
      name: "generated",
      sizeBytes: null,
      open: async function* () {
        for (let from = 0; from < count; from += 100)
          yield bytes(Array.from({ length: 100 }, (_, index) => `${line(from + index)}\n`).join(""));
      },
    };
  }

  function replayOf(source: LogSource): Promise<Replay> {
    const given = { policies: [shippedPolicy({ data: [LISTED] })], lockdown: "none", signatureCheck: "auto" } as const;
    return replay({ ...given, sources: [source], filter: EVERYTHING, old: null, would: false, examples: 3 }, QUIET);
  }

  test("200,000 records leave nothing behind", { timeout: 60_000 }, async () => {
    const line = (_: number): string => AUDIT;
    await replayOf(endless(line, 5000));
    const collect = collector();
    collect();
    const before = heldBytes();
    const found = await replayOf(endless(line, 200_000));
    collect();
    expect(found.counts.deny_to_allow).toBe(200_000);
    expect(heldBytes() - before).toBeLessThan(4 * 1024 * 1024);
  });

  test("a hundred thousand names in one table are counted, and only the first are kept", () => {
    const tally = new Tally(10);
    for (let name = 0; name < 100_000; name += 1)
      tally.add(`signer ${name}`, name % 2 === 0 ? "same" : "deny_to_allow");
    const { rows, others } = tally.table();
    expect([rows.length, rows[0]?.name, others?.records, others?.counts.deny_to_allow]).toEqual([
      10,
      "signer 1",
      99_990,
      49_995,
    ]);
  });
});

test("progress says how much is done, how fast, and how long it will take", () => {
  expect(progressText({ records: 1000, bytes: 25e6, totalBytes: 100e6, seconds: 20 })).toBe(
    "1,000 records, 50/s, 25.0 MB of 100.0 MB (25 %), 1:00 left",
  );
  expect(progressText({ records: 1000, bytes: 25e6, totalBytes: null, seconds: 2 })).toBe(
    "1,000 records, 500/s, 25.0 MB read",
  );
});

test("the report has a case for each change, failing where its gate does, and the document as it is", async () => {
  const policies = [shippedPolicy()];
  const given = { policies, lockdown: "none", signatureCheck: "auto", old: null, would: false, examples: 3 } as const;
  const log = `${JSON.stringify(recorded(at(0), { data: [LISTED] }))}\n{\n`;
  const source = {
    name: join(FOLDER, "x"),
    sizeBytes: null,
    open: async function* () {
      yield bytes(log);
    },
  };
  const found = await replay({ ...given, sources: [source], filter: EVERYTHING }, QUIET);
  const gate = { gate: "--fail-on any", change: "allow_to_deny", found: 1, limit: 0, passed: false } as const;
  const report = replayReport({ replay: found, gates: [gate], policies, startedAt: 0, durationMs: 1, skipInvalid: 0 });
  expect(report.suites.map(({ name, cases }) => [name, cases.map(({ status, line }) => [status, line])])).toEqual([
    ["allow → deny", [["fail", 1]]],
    ["broken lines", [["error", 2]]],
    ["gates", [["fail", null]]],
  ]);
  expect(report.rules).toEqual([
    { code: "signer_not_listed", title: "The signer is not listed", why: null, fix: null },
  ]);
  expect(report.document).toEqual({ ...found, gates: [gate] });
});
