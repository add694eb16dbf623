/** The report for people at a terminal. */

import picocolors from "picocolors";
import { describe, expect, test } from "vitest";
import { textReport } from "../../../cli/report/text.js";
import { EMPTY, finding, RICH, report, reportCase } from "../../support/reports.js";

const PIPE = { colours: picocolors.createColors(false), terminal: false };
const TERMINAL = { colours: picocolors.createColors(false), terminal: true, columns: 100 };

describe("text", () => {
  test("shows failures with code, message, why and fix, changes aligned, the matrix, and the counts last", () => {
    expect(textReport(RICH, PIPE)).toMatchInlineSnapshot(`
      "launchgate vet  8 enclaves against signing policy launchgate, baseline release-2026.3

      release 2026.4
        fail   build/payments.sig
               debug_launchable  DEBUG is outside of ATTRIBUTEMASK: the enclave may be launched with DEBUG=1
                 why  Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR.
                 fix  Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
               isvsvn_unchanged  MRENCLAVE changed and ISVSVN is still 4
                 why  Secrets sealed by the old enclave can be read by the new one and the other way round.
                 fix  Raise ISVSVN with every security fix.
               date_zero  warning: DATE is 0
               mrenclave
                 - 7be07be07be07be07be07be07be07be07be07be07be07be07be07be07be07be0
                 + 5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c
                 another enclave
               attributemask.bits.debug      1  →  0  weaker
                 whoever launches it may choose DEBUG=1
               attributes.bits.provisionkey  1  →  0  stronger
                 no longer asks for the provisioning key
               isvfamilyid
                 - absent
                 + 00112233445566778899aabbccddeeff
               mrenclave  5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c
               mrsigner   361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30
               isvprodid  7
               isvsvn     4
        warn   build/ledger.signed.so
               debug_launchable  DEBUG is outside of ATTRIBUTEMASK
                 lifted by exception ticket-4711
                 why  Whoever launches an enclave with DEBUG=1 reads and writes its memory with EDBGRD and EDBGWR.
                 fix  Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
               date_zero  warning: DATE is 0
                 fix  Give the signing tool a date.
               mrenclave  5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c
               mrsigner   361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30
               isvprodid  7
               isvsvn     4
        pass   build/vault.sig
        error  build/broken.sig
               malformed  SIGSTRUCT is 1807 bytes, expected 1808

      suites/launch.yaml
        fail   a revoked enclave does not launch, native  suites/launch.yaml:12  1.2 s
               decision  allow, expected deny with measurement_revoked
                 exception ticket-12 has expired
        pass   a listed enclave launches, native
        pass   a listed enclave launches, guest
        skip   token fields  suites/launch.yaml:41
               skipped  note: needs FLC=0

      Would it launch there?
                                production native  production guest  staging native  staging guest
        build/payments.sig      ✓ allow            ✕ deny            ✓ allow         ✕ deny
        build/ledger.signed.so  ✓ allow            ✓ allow           ! allow         ✓ allow
        build/vault.sig         ✓ allow            ✓ allow           ✓ allow         ✓ allow
        build/key-broker.sig    ✓ allow            ✓ allow           ✓ allow         ✓ allow
        build/broken.sig        ? no answer        ? no answer       ? no answer     ? no answer

        build/payments.sig × production guest, staging guest
          debug_unknown: the enclave may run with DEBUG=1: nothing pins the bit
          signer_not_listed: signer 361622d757649090 is not listed
        build/ledger.signed.so × staging native
          debug_launchable
        build/broken.sig × production native, production guest, staging native, staging guest
          the file holds no SIGSTRUCT

        exceptions used  ticket-4711 (until 2027-01-31)
        mutation score   94.2 % (threshold 90 %)
        baseline         release-2026.3
        policy           launchgate 0.1.0 sha256:077d8dd33899a9e6c1f40f5b9bb2f1b8f4d3a7a1c0d9e2b3a4958677f6e5d4c3

      error  8 cases: 1 cannot be judged, 2 fail, 1 with warnings, 1 skipped, 3 pass; exceptions: 1 used, 1 expired (842 ms)
      "
    `);
  });

  test("wraps to the terminal, and never breaks what is not looked at", () => {
    const lines = textReport(RICH, { ...TERMINAL, columns: 80 }).split("\n");
    expect(lines.filter((line) => line.length > 80 && !/[0-9a-f]{32}|staging native|[✓✕!?] /.test(line))).toEqual([]);
    expect(textReport(RICH, PIPE)).toContain(RICH.suites[0]?.cases[0]?.findings[0]?.why);
  });

  const passing = (count: number) => Array.from({ length: count }, (_, at) => reportCase({ name: `case ${at}` }));

  test("lists 50 passes and counts more, in a line for each suite that has nothing else", () => {
    const passes = (count: number) => report({ suites: [{ name: "s", cases: passing(count) }] });
    expect(textReport(passes(50), PIPE).match(/^ {2}pass {3}case \d+/gm)).toHaveLength(50);
    expect(textReport(passes(51), PIPE)).toContain("\n\n  pass   s: 51 cases with nothing to say, not listed\n\n");
    expect(textReport(passes(51), PIPE)).toMatch(/^pass {3}51 cases: 51 pass \(842 ms\)$/m);
  });

  test("counts what passes beside what fails, after which come the suites with nothing to say", () => {
    const bad = reportCase({ name: "bad", file: null, status: "fail", findings: [finding({ why: null, fix: null })] });
    const suites = [
      { name: "quiet", cases: passing(20) },
      { name: "loud", cases: [...passing(30), bad] },
      { name: "quiet too", cases: passing(1) },
    ];
    expect(textReport(report({ title: "t", suites, facts: [], policies: [] }), PIPE)).toBe(`launchgate vet  t

loud
  fail   bad
         ${finding({}).code}  ${finding({}).message}
  pass   30 cases with nothing to say, not listed

  pass   quiet: 20 cases with nothing to say, not listed
  pass   quiet too: 1 case with nothing to say, not listed

fail   52 cases: 1 fail, 51 pass (842 ms)
`);
  });

  test("has no heading over a suite that is all of the command, and says a file's name once", () => {
    const cases = [
      reportCase({ name: "a.sig → b.sig", file: "b.sig", status: "skip" }),
      reportCase({ name: "log:7", file: "log", line: 7, status: "skip" }),
      reportCase({ name: "b.sig@64", file: "b.sig", status: "skip" }),
      reportCase({ name: "banana", file: "a", status: "skip" }),
      reportCase({ name: "elsewhere", file: "c.yaml", line: 3, status: "skip" }),
    ];
    const text = textReport(report({ title: "t", suites: [{ name: "vet", cases }], facts: [], policies: [] }), PIPE);
    expect(text).toBe(`launchgate vet  t

  skip   a.sig → b.sig
  skip   log:7
  skip   b.sig@64
  skip   banana  a
  skip   elsewhere  c.yaml:3

skip   5 cases: 5 skipped (842 ms)
`);
  });

  test("gives one advice for findings that follow each other with the same, and names an exception once", () => {
    const same = { code: "c", why: "because", fix: "do" };
    const one = reportCase({
      name: "n",
      file: null,
      status: "fail",
      findings: [
        finding({ ...same, message: "first" }),
        finding({ ...same, message: "second" }),
        finding({ ...same, message: "third", fix: "do otherwise" }),
        finding({
          code: "d",
          message: "exception x lifts d",
          why: null,
          fix: null,
          exception: { id: "x", state: "used" },
        }),
        finding({ code: "e", message: "exceptional", why: null, fix: null, exception: { id: "x", state: "expired" } }),
      ],
    });
    const text = textReport(
      report({ title: "t", suites: [{ name: "s", cases: [one] }], facts: [], policies: [] }),
      PIPE,
    );
    expect(text).toContain(`
  fail   n
         c  first
         c  second
           why  because
           fix  do
         c  third
           why  because
           fix  do otherwise
         d  exception x lifts d
         e  exceptional
           exception x has expired

`);
  });

  test("says that an empty run judged nothing", () => {
    expect(textReport(EMPTY, PIPE)).toBe("launchgate vet  nothing\n\nno cases: nothing was judged (842 ms)\n");
  });
});
