/** What the signing policy is asked and what it answers, from bytes to verdict, by the public API. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import {
  ConfigError,
  createPolicy,
  DecodeError,
  effectiveData,
  judgeSigning,
  PolicyError,
  type RuleReason,
  SIGNING_ENTRYPOINT,
  shippedData,
  shippedSigningPolicy,
  signingInput,
  withData,
} from "../../hooks/index.js";
import { ROOT } from "../support/cli.js";
import { codeOf } from "../support/codes.js";
import { bundleOf, policyOf } from "../support/policies.js";
import { documentOf, ENCLAVE, SIGNING_CASES, signed, unsigned, VETTED_AT } from "../support/signing-cases.js";
import { testSigner } from "../support/sigstructs.js";

const shipped = await shippedSigningPolicy();
const policy = createPolicy(shipped);
const codes = (items: readonly RuleReason[]) => items.map(({ code }) => code);

const schema = JSON.parse(readFileSync(join(ROOT, "policies/schema/input.schema.json"), "utf8"));
const validate = new Ajv({ strict: false }).compile({ ...schema.definitions.signing, definitions: schema.definitions });

describe("the signing policy finds", () => {
  test.each(SIGNING_CASES)("$fact", (row) => {
    const { subject, baseline = null, deny, warn } = row;
    const own = withData(shipped, { launchgate: effectiveData([documentOf(row)], shippedData) });
    const verdict = judgeSigning(createPolicy(own), signingInput({ subject, baseline, time: VETTED_AT }));
    expect({ passed: verdict.passed, deny: codes(verdict.deny), warn: codes(verdict.warn) }).toEqual({
      passed: deny.length === 0,
      deny,
      warn,
    });
  });
});

describe("the input", () => {
  test.each(SIGNING_CASES)("is what the schema describes: $fact", ({ subject, baseline = null }) => {
    validate(signingInput({ subject, baseline, time: VETTED_AT }));
    expect(validate.errors ?? []).toEqual([]);
  });

  test("has every key, without a file and without a baseline too", () => {
    const input = signingInput({ subject: { ...signed(), file: null }, time: 0 });
    expect(Object.keys(input)).toEqual([
      "v",
      "hook",
      "time",
      "file",
      "signed",
      "sigstruct",
      "enclave",
      "findings",
      "baseline",
    ]);
    expect([input.hook, input.time, input.file, input.baseline]).toEqual([null, 0, null, null]);
  });

  test("says who signed only where somebody has", () => {
    const [done, open] = [signed(), unsigned()].map((subject) => signingInput({ subject, time: 0 }));
    expect([done?.sigstruct.signature, done?.enclave.mrsigner]).toEqual(["valid", testSigner()]);
    expect([open?.sigstruct.signature, open?.enclave.mrsigner, open?.sigstruct.sha256]).toEqual(["absent", null, null]);
  });

  test("names every bit that a mask lost or an attribute gained, with or without a name", () => {
    const before = signed({ cet_attributes_mask: 0xff });
    const subject = signed({
      attributes: { flags: 0x104n, xfrm: 0x7n },
      attributemask: { flags: 0xff00_ffff_ffff_fffdn, xfrm: 0xffff_ffff_ffff_feffn },
      miscselect: 1,
      miscmask: 0xffff_fffe,
    });
    expect(signingInput({ subject, baseline: before, time: 0 }).baseline).toMatchObject({
      unmasked: [
        "debug",
        "flags 0x00ff000000000000",
        "xfrm 0x0000000000000100",
        "miscselect 0x00000001",
        "cet_attributes 0xff",
      ],
      gained: ["avx", "flags 0x0000000000000100", "miscselect 0x00000001"],
      file: ENCLAVE,
    });
  });

  test("keeps nothing of the bytes that were given", () => {
    const subject = signed();
    const input = signingInput({ subject, time: 0 });
    const before = JSON.stringify(input);
    subject.sigstruct.fill(0);
    expect(JSON.stringify(input)).toBe(before);
  });

  test.each([0, 1807, 1809])("is not made of %i bytes", (length) => {
    const subject = { ...signed(), sigstruct: new Uint8Array(length) };
    expect(codeOf(() => signingInput({ subject, time: 0 }))).toBe("length");
    expect(() => signingInput({ subject: signed(), baseline: subject, time: 0 })).toThrow(DecodeError);
  });

  test.each([Number.NaN, 1.5, -1, Number.POSITIVE_INFINITY])("is not made at the time %d", (time) => {
    expect(() => signingInput({ subject: signed(), time })).toThrow(ConfigError);
  });
});

describe("what goes wrong does not pass", () => {
  const input = signingInput({ subject: signed(), time: VETTED_AT });
  const ask = (rego: string) =>
    judgeSigning(createPolicy(policyOf(`package signing\n\n${rego}\n`, { entrypoints: [SIGNING_ENTRYPOINT] })), input);

  test.each<[string, string, readonly string[]]>([
    ["an undefined answer", "decision := 1 if input.time < 0", ["policy_undefined"]],
    ["true", "decision := true", ["policy_result"]],
    ["an answer without deny", 'decision := {"allow": true, "warn": []}', ["policy_result"]],
    ["a key too many", 'decision := {"allow": true, "deny": [], "warn": [], "ok": 1}', ["policy_result"]],
    [
      "a denial without a code",
      'decision := {"allow": true, "deny": [{"message": "no"}], "warn": []}',
      ["policy_result"],
    ],
    ["allow as a text", 'decision := {"allow": "true", "deny": [], "warn": []}', ["policy_result"]],
    ["no allow and no reason", 'decision := {"allow": false, "deny": [], "warn": []}', ["not_allowed"]],
    [
      "allow beside a denial",
      'decision := {"allow": true, "deny": [{"code": "no", "message": "no"}], "warn": []}',
      ["no"],
    ],
    [
      "a policy that needs more memory than it gets",
      'decision := {"allow": count(numbers.range(1, 10000000)) > 0, "deny": [], "warn": []}',
      ["policy_memory"],
    ],
  ])("%s", (_, rego, expected) => {
    const { passed, deny } = ask(rego);
    expect({ passed, deny: codes(deny) }).toEqual({ passed: false, deny: expected });
  });

  test("a policy that does not have the entrypoint", () => {
    const launches = createPolicy(policyOf('package launch\n\ndecision := {"allow": true, "deny": [], "warn": []}\n'));
    expect(() => judgeSigning(launches, input)).toThrow(PolicyError);
    expect(codeOf(() => createPolicy(bundleOf(new Uint8Array(8), [SIGNING_ENTRYPOINT])))).toBe("wasm_invalid");
  });

  test("data that is not there, incomplete, or of an unknown profile", () => {
    const whole = effectiveData([], shippedData);
    for (const launchgate of [
      null,
      {},
      { ...whole, profile: "lax" },
      { ...whole, version: 2 },
      ...Object.keys(whole).map((gone) => Object.fromEntries(Object.entries(whole).filter(([key]) => key !== gone))),
      { ...whole, signing: null },
      { ...whole, signing: { rules: {} } },
    ]) {
      const { passed, deny } = judgeSigning(createPolicy(withData(shipped, { launchgate })), input);
      expect([launchgate, passed, codes(deny)]).toEqual([launchgate, false, ["not_allowed"]]);
    }
  });

  test("an input that somebody else made", () => {
    const forged = [
      { hook: "enclave_init" },
      { findings: null },
      { signed: null },
      { enclave: null },
      { sigstruct: {} },
    ];
    for (const lie of forged) {
      const { passed } = judgeSigning(policy, { ...input, ...lie } as unknown as typeof input);
      expect([lie, passed]).toEqual([lie, false]);
    }
  });
});

describe("the levels in the data document", () => {
  test.each(["ignore", "warn"])("of what makes a signature unusable cannot be %s", (level) => {
    expect(
      codeOf(() => effectiveData([{ version: 1, signing: { rules: { signature_invalid: level } } }], shippedData)),
    ).toBe("data_schema");
  });

  test.each([
    [{ rules: { debug_launchable: "off" } }],
    [{ rule: {} }],
    [{ require: { debug: true } }],
    [{ require: { dbug: "off" } }],
    [{ min_isvsvn: 65_536 }],
    [{ max_future_days: -1 }],
    [{ mrsigners: { abc: {} } }],
  ])("are what the schema allows, not %j", (signing) => {
    expect(codeOf(() => effectiveData([{ version: 1, signing }], shippedData))).toBe("data_schema");
  });

  test("of two documents must not contradict each other", () => {
    const said = (level: string) => ({ version: 1, signing: { rules: { isvsvn_zero: level } } });
    expect(codeOf(() => effectiveData([said("deny"), said("ignore")], shippedData))).toBe("data_conflict");
  });
});

const CORPUS = resolve(process.env["LAUNCHGATE_CORPUS"] ?? join(ROOT, "../shared/corpus"), "sigstructs");
const PRESENT = existsSync(CORPUS);

describe.skipIf(!PRESENT)(`enclaves of others${PRESENT ? "" : `, SKIPPED: no corpus at ${CORPUS}`}`, () => {
  const ZERO = ["isvprodid_zero", "isvsvn_zero"];
  const EXPECTED: readonly (readonly [number: string, deny: readonly string[], warn: readonly string[]])[] = [
    ["01", ["debug_launchable"], [...ZERO, "xfrm_free"]],
    ["04", ["debug_launchable", "key_is_public"], ZERO],
    ["06", [], []],
    ["09", ["debug_launchable"], ["date_not_bcd", ...ZERO, "xfrm_free"]],
    ["10", ["einittokenkey_requested"], ["isvprodid_zero"]],
    ["13", ["provisionkey_requested"], ["vendor_claimed"]],
    ["14", ["einittokenkey_requested"], []],
    ["21", ["provisionkey_requested"], []],
    ["22", ["einittokenkey_requested", "header_invalid"], ["vendor_claimed"]],
    ["24", [], ["attribute_outside_mask", "mask_bit_free"]],
    ["26", [], ZERO],
  ];
  const files = PRESENT ? readdirSync(CORPUS).sort() : [];
  const vetted = (file: string) => {
    const subject = { sigstruct: new Uint8Array(readFileSync(join(CORPUS, file))), signed: true, file: null };
    return judgeSigning(policy, signingInput({ subject, time: VETTED_AT }));
  };

  test.each(EXPECTED)("number %s", (number, deny, warn) => {
    const verdict = vetted(files.find((file) => file.startsWith(number)) ?? "");
    expect([verdict.passed, codes(verdict.deny), codes(verdict.warn)]).toEqual([deny.length === 0, deny, warn]);
  });

  test("are debuggable, most of them", () => {
    const debuggable = files.filter((file) => codes(vetted(file).deny).includes("debug_launchable"));
    expect([files.length, debuggable.length]).toEqual([28, 13]);
  });
});
