import { describe, expect, test } from "vitest";
import { effectiveData, type JsonObject, type ShippedData } from "../../../engine/index.js";
import { testSigner } from "../../support/sigstructs.js";

const A = testSigner("a");
const B = testSigner("b");

const shipped: ShippedData = {
  profiles: { strict: { version: 1, profile: "strict" }, baseline: { version: 1, profile: "baseline" } },
  fragments: { ours: { version: 1, signers: { [A]: { name: "A", provisionkey: true } } } },
};

const effective = (...documents: readonly JsonObject[]) => effectiveData(documents, shipped);

describe("the effective data document", () => {
  test("of nothing is the strict profile, with every top-level key", () => {
    expect(effective()).toEqual({
      version: 1,
      profile: "strict",
      signers: {},
      mrenclaves: {},
      revoked: { mrenclaves: {}, mrsigners: {}, products: {} },
      attributes: { forbid: {}, require: {} },
      lepubkeyhashes: {},
      origins: {},
      vms: {},
      exceptions: {},
      signing: { rules: {}, mrsigners: {}, require: {} },
    });
  });

  test("merges documents key by key, however deep", () => {
    const one = { version: 1, signers: { [A]: { name: "A", products: { 1: { min_isvsvn: 2 } } } } };
    const two = { version: 1, signers: { [A]: { name: "A", products: { 2: {} } }, [B]: { name: "B" } } };
    expect(effective(one, two)["signers"]).toEqual({
      [A]: { name: "A", products: { 1: { min_isvsvn: 2 }, 2: {} } },
      [B]: { name: "B" },
    });
  });

  test("turns dates into Unix seconds, with their offsets", () => {
    const dates = { not_before: "2026-01-01T00:00:00Z", not_after: "2026-12-31T23:59:59+01:00" };
    expect(effective({ version: 1, signers: { [A]: { name: "A", ...dates } } })["signers"]).toEqual({
      [A]: { name: "A", not_before: 1767225600, not_after: 1798757999 },
    });
  });

  test("includes the fragments that are named, once, and forgets their names", () => {
    const one = effective({ version: 1, include: ["ours"] }, { version: 1, include: ["ours"] });
    expect(one).toMatchObject({ signers: { [A]: { name: "A", provisionkey: true } } });
    expect(one).not.toHaveProperty("include");
  });

  test("takes the profile that a document names", () => {
    expect(effective({ version: 1, profile: "baseline" })).toMatchObject({ profile: "baseline" });
  });

  test("merged over an effective one is that one and more", () => {
    const base = effective({ version: 1, signers: { [A]: { name: "A", not_before: "2026-01-01T00:00:00Z" } } });
    const more = effectiveData([{ version: 1, signers: { [B]: { name: "B" } } }], shipped, base);
    expect(more["signers"]).toEqual({ [A]: { name: "A", not_before: 1767225600 }, [B]: { name: "B" } });
  });
});

const BROKEN: readonly (readonly [string, readonly JsonObject[], string, RegExp])[] = [
  ["no version", [{}], "data_schema", /lacks the key "version"/],
  ["another version", [{ version: 2 }], "data_schema", /version must be 1/],
  ["an unknown key", [{ version: 1, signer: {} }], "data_schema", /unknown key "signer"/],
  [
    "an unknown key deep inside",
    [{ version: 1, signers: { [A]: { name: "A", debg: true } } }],
    "data_schema",
    /signers\..*unknown key "debg"/,
  ],
  [
    "a signer that is no MRSIGNER",
    [{ version: 1, signers: { abc: { name: "A" } } }],
    "data_schema",
    /unknown key "abc"/,
  ],
  [
    "an MRSIGNER in upper case",
    [{ version: 1, signers: { [A.toUpperCase()]: { name: "A" } } }],
    "data_schema",
    /unknown key/,
  ],
  ["a signer without a name", [{ version: 1, signers: { [A]: {} } }], "data_schema", /lacks the key "name"/],
  [
    "an ISVPRODID with a leading zero",
    [{ version: 1, signers: { [A]: { name: "A", products: { "01": {} } } } }],
    "data_schema",
    /unknown key "01"/,
  ],
  [
    "an ISVSVN as text",
    [{ version: 1, signers: { [A]: { name: "A", products: { 1: { min_isvsvn: "5" } } } } }],
    "data_schema",
    /min_isvsvn must be integer/,
  ],
  [
    "a flag as text",
    [{ version: 1, signers: { [A]: { name: "A", debug: "false" } } }],
    "data_schema",
    /debug must be boolean/,
  ],
  [
    "a date without a time",
    [{ version: 1, signers: { [A]: { name: "A", not_after: "2026-12-31" } } }],
    "data_schema",
    /not_after/,
  ],
  [
    "a day that no month has",
    [{ version: 1, signers: { [A]: { name: "A", not_after: "2026-02-31T00:00:00Z" } } }],
    "data_schema",
    /no day of the calendar/,
  ],
  [
    "an attribute that there is not",
    [{ version: 1, attributes: { forbid: { turbo: { reason: "?" } } } }],
    "data_schema",
    /unknown key "turbo"/,
  ],
  [
    "an exception without an end",
    [{ version: 1, exceptions: { x: { rule: "debug_on", match: { mrsigner: A }, reason: "r" } } }],
    "data_schema",
    /lacks the key "expires"/,
  ],
  [
    "an exception for everything",
    [{ version: 1, exceptions: { x: { rule: "debug_on", match: {}, reason: "r", expires: "2026-12-31T00:00:00Z" } } }],
    "data_schema",
    /match/,
  ],
  [
    "two values for one key",
    [
      { version: 1, signers: { [A]: { name: "A" } } },
      { version: 1, signers: { [A]: { name: "B" } } },
    ],
    "data_conflict",
    /signers\..*name is "A" and "B"/,
  ],
  [
    "two profiles",
    [
      { version: 1, profile: "strict" },
      { version: 1, profile: "baseline" },
    ],
    "data_conflict",
    /profile/,
  ],
  [
    "a document against its fragment",
    [{ version: 1, include: ["ours"], signers: { [A]: { name: "A", provisionkey: false } } }],
    "data_conflict",
    /provisionkey/,
  ],
  [
    "a profile that is not shipped",
    [{ version: 1, profile: "open" }],
    "data_unknown_profile",
    /expected one of strict, baseline/,
  ],
  [
    "a fragment that is not shipped",
    [{ version: 1, include: ["theirs"] }],
    "data_unknown_fragment",
    /expected one of ours/,
  ],
  ["a fragment from the prototype", [{ version: 1, include: ["constructor"] }], "data_unknown_fragment", /constructor/],
];

test.each(BROKEN)("%s is refused, and the message says where", (_, documents, code, message) => {
  const attempt = () => effective(...documents);
  expect(attempt).toThrow(expect.objectContaining({ name: "PolicyError", code }));
  expect(attempt).toThrow(message);
});
