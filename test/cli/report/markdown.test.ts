/** The report for job summaries: what GitHub shows and how much of it. */

import { describe, expect, test } from "vitest";
import { markdownReport } from "../../../cli/report/markdown.js";
import { bigReport, HOSTILE_REPORT, RICH } from "../../support/reports.js";

describe("Markdown", () => {
  test("shows counts, matrix, failures unfolded, and passes folded", () => {
    expect(markdownReport(RICH)).toMatchInlineSnapshot(`
      "## ⛔ launchgate vet: 8 enclaves against signing policy launchgate, baseline release-2026.3

      8 cases: 1 cannot be judged, 2 fail, 1 with warnings, 1 skipped, 3 pass; exceptions: 1 used, 1 expired (842 ms, 2026-11-22T20:15:00Z)

      |  | ⛔ error | ❌ fail | ⚠️ warn | ⏭️ skip | ✅ pass |
      | --- | --- | --- | --- | --- | --- |
      | release 2026.4 | 1 | 1 | 1 |  | 1 |
      | suites/launch.yaml |  | 1 |  | 1 | 2 |

      ### Would it launch there?

      |  | production native | production guest | staging native | staging guest |
      | --- | --- | --- | --- | --- |
      | build/payments.sig | ✅ allow | ❌ deny | ✅ allow | ❌ deny |
      | build/ledger.signed.so | ✅ allow | ✅ allow | ⚠️ allow | ✅ allow |
      | build/vault.sig | ✅ allow | ✅ allow | ✅ allow | ✅ allow |
      | build/key-broker.sig | ✅ allow | ✅ allow | ✅ allow | ✅ allow |
      | build/broken.sig | ⛔ no answer | ⛔ no answer | ⛔ no answer | ⛔ no answer |

      <details><summary>Why</summary>

      - build/payments.sig × production guest: debug_unknown&#58; the enclave may run with DEBUG&#61;1&#58; nothing pins the bit; signer_not_listed&#58; signer 361622d757649090 is not listed
      - build/payments.sig × staging guest: debug_unknown&#58; the enclave may run with DEBUG&#61;1&#58; nothing pins the bit; signer_not_listed&#58; signer 361622d757649090 is not listed
      - build/ledger.signed.so × staging native: debug_launchable
      - build/broken.sig × production native: the file holds no SIGSTRUCT
      - build/broken.sig × production guest: the file holds no SIGSTRUCT
      - build/broken.sig × staging native: the file holds no SIGSTRUCT
      - build/broken.sig × staging guest: the file holds no SIGSTRUCT

      </details>

      <details open><summary>⛔ <strong>build/broken.sig</strong> (release 2026.4)</summary>

      - ❌ <code>malformed</code> SIGSTRUCT is 1807 bytes, expected 1808

      </details>

      <details open><summary>❌ <strong>build/payments.sig</strong> (release 2026.4)</summary>

      - ❌ <code>debug_launchable</code> DEBUG is outside of ATTRIBUTEMASK&#58; the enclave may be launched with DEBUG&#61;1<br><strong>Why</strong> Whoever launches an enclave with DEBUG&#61;1 reads and writes its memory with EDBGRD and EDBGWR.<br><strong>Fix</strong> Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
      - ❌ <code>isvsvn_unchanged</code> MRENCLAVE changed and ISVSVN is still 4<br><strong>Why</strong> Secrets sealed by the old enclave can be read by the new one and the other way round.<br><strong>Fix</strong> Raise ISVSVN with every security fix.
      - ⚠️ <code>date_zero</code> DATE is 0

      | field | before | after | what it means |
      | --- | --- | --- | --- |
      | <code>mrenclave</code> | <code>7be07be07be07be07be07be07be07be07be07be07be07be07be07be07be07be0</code> | <code>5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c</code> | another enclave |
      | <code>attributemask.bits.debug</code> | <code>1</code> | <code>0</code> | <strong>weaker</strong> whoever launches it may choose DEBUG&#61;1 |
      | <code>attributes.bits.provisionkey</code> | <code>1</code> | <code>0</code> | <strong>stronger</strong> no longer asks for the provisioning key |
      | <code>isvfamilyid</code> | absent | <code>00112233445566778899aabbccddeeff</code> |  |

      mrenclave <code>5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c</code> · mrsigner <code>361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30</code> · isvprodid <code>7</code> · isvsvn <code>4</code>

      </details>

      <details open><summary>❌ <strong>a revoked enclave does not launch, native</strong> (suites/launch.yaml) <code>suites/launch.yaml&#58;12</code></summary>

      - ❌ <code>decision</code> allow, expected deny with measurement_revoked<br><em>exception ticket-12 has expired</em>

      </details>

      <details><summary>⚠️ <strong>build/ledger.signed.so</strong> (release 2026.4)</summary>

      - ➖ <code>debug_launchable</code> DEBUG is outside of ATTRIBUTEMASK<br><em>lifted by exception ticket-4711</em><br><strong>Why</strong> Whoever launches an enclave with DEBUG&#61;1 reads and writes its memory with EDBGRD and EDBGWR.<br><strong>Fix</strong> Sign with DEBUG in ATTRIBUTEMASK and clear in ATTRIBUTES.
      - ⚠️ <code>date_zero</code> DATE is 0<br><strong>Fix</strong> Give the signing tool a date.

      mrenclave <code>5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c5a1c</code> · mrsigner <code>361622d757649090fde9420cf53917649ef02ec5a1c73207af972fe6b87b8c30</code> · isvprodid <code>7</code> · isvsvn <code>4</code>

      </details>

      <details><summary>⏭️ <strong>token fields</strong> (suites/launch.yaml) <code>suites/launch.yaml&#58;41</code></summary>

      - ℹ️ <code>skipped</code> needs FLC&#61;0

      </details>

      <details><summary>✅ 3 cases: pass</summary>

      - release 2026.4: build/vault.sig
      - suites/launch.yaml: a listed enclave launches, native
      - suites/launch.yaml: a listed enclave launches, guest

      </details>

      <details><summary>About this run</summary>

      - exceptions used: <code>ticket-4711 &#40;until 2027-01-31&#41;</code>
      - mutation score: <code>94.2 % &#40;threshold 90 %&#41;</code>
      - baseline: <code>release-2026.3</code>
      - policy launchgate 0.1.0: <code>sha256&#58;077d8dd33899a9e6c1f40f5b9bb2f1b8f4d3a7a1c0d9e2b3a4958677f6e5d4c3</code>

      </details>

      "
    `);
  });

  test("takes nothing from a file for markup, a link or a mention", () => {
    const said = markdownReport(HOSTILE_REPORT);
    expect(said).not.toMatch(/<(script|img|b)\b|@team|\]\(|http:|`|\*\*|^# |\|\s*cell\s*\|/m);
    const count = (pattern: RegExp): number => said.match(pattern)?.length ?? 0;
    expect(count(/<details/g)).toBe(count(/<\/details>/g));
  });

  test("fits into a job summary, and says how much is left out", () => {
    const said = markdownReport(bigReport(10_000));
    expect(Buffer.byteLength(said)).toBeLessThan(1_048_576);
    expect(said.slice(-400)).toMatch(
      /Left out for want of space: .*[\d,]+ rows of the matrix Would it launch there\?; [\d,]+ cases: fail; [\d,]+ cases: pass\.\n$/,
    );
    expect(said.match(/<details/g)?.length).toBe(said.match(/<\/details>/g)?.length);
  });

  test("shows a failure even where the matrix is huge", () => {
    expect(markdownReport(bigReport(30_000))).toContain("debug_launchable");
  });
});
