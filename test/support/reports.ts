/** Reports for tests: one as a release manager gets it, one full of what a hostile file could say, and any at all. */

import fc from "fast-check";
import type {
  Report,
  ReportCase,
  ReportChange,
  ReportFinding,
  ReportMatrix,
  ReportRule,
} from "../../cli/report/model.js";
import type { JsonValue } from "../../engine/json.js";

const DIGEST = "077d8dd33899a9e6c1f40f5b9bb2f1b8f4d3a7a1c0d9e2b3a4958677f6e5d4c3";
const MRENCLAVE = "5a1c".repeat(16);
const OLD_MRENCLAVE = "7be0".repeat(16);

const RULES: readonly ReportRule[] = [
  {
    code: "debug_launchable",
    title: "The enclave can be launched in debug mode",
    why: "Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR.",
    fix: "Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.",
  },
  {
    code: "isvsvn_unchanged",
    title: "ISVSVN stayed while the enclave changed",
    why: "Secrets sealed by the old enclave can be read by the new one and the other way round.",
    fix: "Raise ISVSVN with every security fix.",
  },
  { code: "date_zero", title: "DATE is zero", why: null, fix: "Give the signing tool a date." },
  { code: "signature_invalid", title: "The signature does not verify", why: "EINIT refuses the enclave.", fix: null },
];

export function finding(changes: Partial<ReportFinding> = {}): ReportFinding {
  const rule = RULES[0];
  return {
    code: "debug_launchable",
    level: "error",
    message: "DEBUG is outside of ATTRIBUTEMASK: the enclave may be launched with DEBUG=1",
    why: rule?.why ?? null,
    fix: rule?.fix ?? null,
    exception: null,
    ...changes,
  };
}

function change(changes: Partial<ReportChange> = {}): ReportChange {
  return { field: "isvsvn", before: "3", after: "4", meaning: null, weight: "neutral", ...changes };
}

export function reportCase(changes: Partial<ReportCase> = {}): ReportCase {
  return {
    name: "build/payments.sig",
    file: "build/payments.sig",
    line: null,
    status: "pass",
    findings: [],
    facts: [],
    changes: [],
    durationMs: null,
    ...changes,
  };
}

export function report(changes: Partial<Report> = {}): Report {
  return {
    command: "vet",
    title: "2 enclaves against signing policy launchgate",
    startedAt: Date.UTC(2026, 10, 22, 20, 15, 0),
    durationMs: 842,
    policies: [],
    suites: [],
    matrices: [],
    facts: [],
    rules: [],
    document: {},
    ...changes,
  };
}

export const EMPTY: Report = report({ title: "nothing" });

const IDENTITY = [
  { name: "mrenclave", value: MRENCLAVE },
  { name: "mrsigner", value: "361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30" },
  { name: "isvprodid", value: "7" },
  { name: "isvsvn", value: "4" },
];

const FLEETS: readonly string[] = ["production native", "production guest", "staging native", "staging guest"];

function fleetMatrix(names: readonly string[]): ReportMatrix {
  return {
    title: "Would it launch there?",
    columns: FLEETS,
    rows: names.map((name, row) => ({
      name,
      cells: FLEETS.map((_, column) => {
        if (row === 0 && column % 2 === 1)
          return {
            status: "fail",
            text: "deny",
            details: [
              "debug_unknown: the enclave may run with DEBUG=1: nothing pins the bit",
              "signer_not_listed: signer 361622d757649090 is not listed",
            ],
          };
        if (row === 1 && column === 2) return { status: "warn", text: "allow", details: ["debug_launchable"] };
        if (row === 4) return { status: "error", text: "no answer", details: ["the file holds no SIGSTRUCT"] };
        return { status: "pass", text: "allow", details: [] };
      }),
    })),
  };
}

/** Every status, level, weight and state of an exception, as a real run would have them. */
export const RICH: Report = report({
  title: "8 enclaves against signing policy launchgate, baseline release-2026.3",
  policies: [{ name: "launchgate", sha256: DIGEST, revision: "0.1.0" }],
  suites: [
    {
      name: "release 2026.4",
      cases: [
        reportCase({
          status: "fail",
          findings: [
            finding(),
            finding({
              code: "isvsvn_unchanged",
              message: "MRENCLAVE changed and ISVSVN is still 4",
              why: RULES[1]?.why ?? null,
              fix: RULES[1]?.fix ?? null,
            }),
            finding({ code: "date_zero", level: "warning", message: "DATE is 0", why: null, fix: null }),
          ],
          facts: IDENTITY,
          changes: [
            change({ field: "mrenclave", before: OLD_MRENCLAVE, after: MRENCLAVE, meaning: "another enclave" }),
            change({
              field: "attributemask.bits.debug",
              before: "1",
              after: "0",
              meaning: "whoever launches it may choose DEBUG=1",
              weight: "weaker",
            }),
            change({
              field: "attributes.bits.provisionkey",
              before: "1",
              after: "0",
              meaning: "no longer asks for the provisioning key",
              weight: "stronger",
            }),
            change({ field: "isvfamilyid", before: null, after: "00112233445566778899aabbccddeeff" }),
          ],
          durationMs: 12,
        }),
        reportCase({
          name: "build/ledger.signed.so",
          file: "build/ledger.signed.so",
          status: "warn",
          findings: [
            finding({
              exception: { id: "ticket-4711", state: "used" },
              message: "DEBUG is outside of ATTRIBUTEMASK",
            }),
            finding({
              code: "date_zero",
              level: "warning",
              message: "DATE is 0",
              why: null,
              fix: RULES[2]?.fix ?? null,
            }),
          ],
          facts: IDENTITY,
        }),
        reportCase({ name: "build/vault.sig", file: "build/vault.sig", facts: IDENTITY, durationMs: 3 }),
        reportCase({
          name: "build/broken.sig",
          file: "build/broken.sig",
          status: "error",
          findings: [
            finding({
              code: "malformed",
              message: "SIGSTRUCT is 1807 bytes, expected 1808",
              why: null,
              fix: null,
            }),
          ],
        }),
      ],
    },
    {
      name: "suites/launch.yaml",
      cases: [
        reportCase({
          name: "a revoked enclave does not launch, native",
          file: "suites/launch.yaml",
          line: 12,
          status: "fail",
          findings: [
            finding({
              code: "decision",
              message: "allow, expected deny with measurement_revoked",
              why: null,
              fix: null,
              exception: { id: "ticket-12", state: "expired" },
            }),
          ],
          durationMs: 1240,
        }),
        reportCase({ name: "a listed enclave launches, native", file: "suites/launch.yaml", line: 30, durationMs: 4 }),
        reportCase({ name: "a listed enclave launches, guest", file: "suites/launch.yaml", line: 30, durationMs: 5 }),
        reportCase({
          name: "token fields",
          file: "suites/launch.yaml",
          line: 41,
          status: "skip",
          findings: [finding({ code: "skipped", level: "note", message: "needs FLC=0", why: null, fix: null })],
        }),
      ],
    },
  ],
  matrices: [
    fleetMatrix([
      "build/payments.sig",
      "build/ledger.signed.so",
      "build/vault.sig",
      "build/key-broker.sig",
      "build/broken.sig",
    ]),
  ],
  facts: [
    { name: "exceptions used", value: "ticket-4711 (until 2027-01-31)" },
    { name: "mutation score", value: "94.2 % (threshold 90 %)" },
    { name: "baseline", value: "release-2026.3" },
  ],
  rules: RULES,
  document: { v: 1, cases: [{ name: "build/payments.sig", status: "fail" }] },
});

/** What a file name, a policy's message or a note in a data document can hold to be taken for something else. */
const HOSTILE: readonly string[] = [
  "</script><script>globalThis.pwned = 1</script>",
  "<img src=x onerror=globalThis.pwned=1>",
  '" onmouseover="globalThis.pwned=1" x="',
  "'-->]]>&amp;<![CDATA[",
  "::error file=x::owned",
  "x\n::set-output name=a::b\n::stop-commands::t",
  "100%0A::warning::y",
  "##vso[task.setvariable variable=secret]x",
  "a]b;c##vso[task.complete result=Succeeded;]d",
  "##[error]no",
  "not ok 1 - x # TODO later",
  "ok\n1..0\nBail out! now",
  "  ...\n---\n- x: y",
  "| cell | `code` ** [link](javascript:alert(1)) <b> @team #1 http://example.com\n# heading\n</details>",
  "\u001b[31mred\u001b]8;;http://example.com\u0007link\u001b]8;;\u0007",
  "\u202egnp.exe\u2066x",
  "\u0000\u0001\u0008\u000b\u000c\u001f\u007f\u0085\ufffe\uffff",
  "\ud800 half \udc00",
  "../../etc/passwd",
  "C:\\build\\a b.sig",
  "é 漢字 🦊",
  "",
];

/** Every text of the report is hostile; every list holds each of them. */
export const HOSTILE_REPORT: Report = report({
  title: HOSTILE.join(" "),
  policies: HOSTILE.map((text) => ({ name: text, sha256: DIGEST, revision: text })),
  suites: HOSTILE.slice(0, 2).map((name) => ({
    name,
    cases: HOSTILE.flatMap((text) =>
      (["pass", "warn", "fail", "error", "skip"] as const).map((status) =>
        reportCase({
          name: `${status} ${text}`,
          file: text,
          line: 3,
          status,
          findings: [
            finding({ code: text, level: "error", message: text, why: text, fix: text }),
            finding({ code: text, level: "note", message: text, exception: { id: text, state: "used" } }),
          ],
          facts: [{ name: text, value: text }],
          changes: [change({ field: text, before: text, after: text, meaning: text, weight: "weaker" })],
        }),
      ),
    ),
  })),
  matrices: HOSTILE.slice(0, 2).map((title) => ({
    title,
    columns: HOSTILE,
    rows: HOSTILE.map((name) => ({
      name,
      cells: HOSTILE.map((text) => ({ status: "fail", text, details: [text] })),
    })),
  })),
  facts: HOSTILE.map((text) => ({ name: text, value: text })),
  rules: HOSTILE.map((text) => ({ code: text, title: text, why: text, fix: text })),
  document: [...HOSTILE],
});

/** Many cases, one in ten failing. */
export function bigReport(count: number): Report {
  const cases = Array.from({ length: count }, (_, at) =>
    reportCase({
      name: `build/enclave-${String(at).padStart(5, "0")}.sig`,
      file: `build/enclave-${String(at).padStart(5, "0")}.sig`,
      ...(at % 10 === 3
        ? {
            status: "fail",
            findings: [finding()],
            changes: [change({ weight: "weaker", meaning: "lower than it was" })],
          }
        : {}),
      facts: IDENTITY,
    }),
  );
  return report({
    ...RICH,
    title: `${count} enclaves against signing policy launchgate`,
    suites: [{ name: "release", cases }],
    matrices: [fleetMatrix(cases.map(({ name }) => name))],
  });
}

const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: "binary", maxLength: 24 }),
  fc.string({ unit: fc.constantFrom(..."#:[]vso\n\r\t %;,<>&'\"`|\\-. a1"), maxLength: 24 }),
);
const nullable = fc.option(text, { nil: null });
const facts = fc.array(fc.record({ name: text, value: text }), { maxLength: 3 });
const status = fc.constantFrom("pass", "warn", "fail", "error", "skip");

/** Any report at all, of hostile texts and others. */
export const anyReport: fc.Arbitrary<Report> = fc.record({
  command: fc.constantFrom("vet", "test", "diff", "replay"),
  title: text,
  startedAt: fc.oneof(fc.integer({ min: 0, max: 4e12 }), fc.constantFrom(8.64e15, -8.64e15, Number.MAX_SAFE_INTEGER)),
  durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
  policies: fc.array(fc.record({ name: text, sha256: fc.constant(DIGEST), revision: text }), { maxLength: 2 }),
  suites: fc.array(
    fc.record({
      name: text,
      cases: fc.array(
        fc.record({
          name: text,
          file: nullable,
          line: fc.option(fc.integer({ min: 1, max: 1e6 }), { nil: null }),
          status,
          findings: fc.array(
            fc.record({
              code: text,
              level: fc.constantFrom("error", "warning", "note"),
              message: text,
              why: nullable,
              fix: nullable,
              exception: fc.option(fc.record({ id: text, state: fc.constantFrom("used", "expired") }), { nil: null }),
            }),
            { maxLength: 3 },
          ),
          facts,
          changes: fc.array(
            fc.record({
              field: text,
              before: nullable,
              after: nullable,
              meaning: nullable,
              weight: fc.constantFrom("weaker", "stronger", "neutral"),
            }),
            { maxLength: 2 },
          ),
          durationMs: fc.option(fc.double({ min: 0, max: 1e7, noNaN: true }), { nil: null }),
        }),
        { maxLength: 4 },
      ),
    }),
    { maxLength: 3 },
  ),
  matrices: fc.array(
    fc.record({
      title: text,
      columns: fc.array(text, { maxLength: 3 }),
      rows: fc.array(
        fc.record({
          name: text,
          cells: fc.array(fc.record({ status, text, details: fc.array(text, { maxLength: 2 }) }), { maxLength: 3 }),
        }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 2 },
  ),
  facts,
  rules: fc.array(fc.record({ code: text, title: text, why: nullable, fix: nullable }), { maxLength: 3 }),
  document: fc.jsonValue().map((value) => value as JsonValue),
});
