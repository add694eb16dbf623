/** What changed between two SIGSTRUCTs: what each field's change means, and that nothing that changed goes unsaid. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareSigstructs } from "../../../engine/index.js";
import { SIGSTRUCT_LAYOUT, SIGSTRUCT_SIZE, type Sigstruct } from "../../../engine/sgx/sigstruct.js";
import { codeOf } from "../../support/codes.js";
import { makeSigstruct, testSigner } from "../../support/sigstructs.js";

type Fields = Partial<Omit<Sigstruct, "modulus" | "signature" | "q1" | "q2">>;

const ALL = 0xffff_ffff_ffff_ffffn;
const MODE64BIT = 0x4n;
const enforced = { flags: ALL, xfrm: ALL };
const flags = (value: bigint): Fields => ({ attributes: { flags: MODE64BIT | value, xfrm: 3n } });
const free = (bits: bigint): Fields => ({ attributemask: { flags: ALL & ~bits, xfrm: ALL } });
type Side = Parameters<typeof compareSigstructs>[0];
const signed = (sigstruct: Uint8Array) => ({ sigstruct, signed: true });
const compare = (before: Fields, after: Fields) =>
  compareSigstructs(signed(makeSigstruct(before)), signed(makeSigstruct(after)));

/** `weight field before→after` of each change, in order. */
function said({ changes }: ReturnType<typeof compare>): readonly string[] {
  return changes.map(({ field, before, after, weight }) => `${weight} ${field} ${before}→${after}`);
}

const zeros = "00".repeat(16);
const sevens = "07".repeat(16);
const DAY = { date: 0x20260115 };

/** From the first to the second, and back. */
const TABLE: readonly (readonly [string, Fields, Fields, readonly string[], readonly string[]])[] = [
  ["ISVSVN", { isvsvn: 1 }, { isvsvn: 2 }, ["stronger isvsvn 1→2"], ["weaker isvsvn 2→1"]],
  ["ISVPRODID", { isvprodid: 1 }, { isvprodid: 2 }, ["neutral isvprodid 1→2"], ["neutral isvprodid 2→1"]],
  ["DATE", DAY, { date: 0x20260116 }, ["neutral date 2026-01-15→2026-01-16"], ["weaker date 2026-01-16→2026-01-15"]],
  [
    "a DATE that is no day",
    DAY,
    { date: 0 },
    ["weaker date 2026-01-15→00000000", "weaker findings null→date_zero"],
    ["stronger date 00000000→2026-01-15", "stronger findings date_zero→null"],
  ],
  [
    "VENDOR, which is a claim",
    {},
    { vendor: 0x8086 },
    ["neutral vendor 0x00000000→0x00008086"],
    ["neutral vendor 0x00008086→0x00000000"],
  ],
  [
    "VENDOR that EINIT refuses",
    {},
    { vendor: 1 },
    ["weaker vendor 0x00000000→0x00000001", "weaker findings null→vendor_invalid"],
    ["stronger vendor 0x00000001→0x00000000", "stronger findings vendor_invalid→null"],
  ],
  [
    "SWDEFINED",
    {},
    { swdefined: 16 },
    ["neutral swdefined 0x00000000→0x00000010"],
    ["neutral swdefined 0x00000010→0x00000000"],
  ],
  [
    "reserved bytes",
    {},
    { reserved4: new Uint8Array(12).fill(1) },
    [`weaker reserved4 zero→${"01".repeat(12)}`, "weaker findings null→reserved_nonzero"],
    [`stronger reserved4 ${"01".repeat(12)}→zero`, "stronger findings reserved_nonzero→null"],
  ],
  [
    "DEBUG left free",
    {},
    free(2n),
    ["weaker attributemask.bits.debug enforced→free", "weaker debug_launchable false→true"],
    ["stronger attributemask.bits.debug free→enforced", "stronger debug_launchable true→false"],
  ],
  [
    "DEBUG demanded",
    {},
    flags(2n),
    ["weaker attributes.bits.debug off→on", "weaker debug_launchable false→true"],
    ["stronger attributes.bits.debug on→off", "stronger debug_launchable true→false"],
  ],
  [
    "DEBUG that the mask leaves free anyway",
    free(2n),
    { ...free(2n), ...flags(2n) },
    ["neutral attributes.bits.debug off→on"],
    ["neutral attributes.bits.debug on→off"],
  ],
  [
    "PROVISIONKEY",
    {},
    flags(0x10n),
    ["weaker attributes.bits.provisionkey off→on"],
    ["stronger attributes.bits.provisionkey on→off"],
  ],
  [
    "EINITTOKENKEY",
    {},
    flags(0x20n),
    ["weaker attributes.bits.einittokenkey off→on"],
    ["stronger attributes.bits.einittokenkey on→off"],
  ],
  ["CET", {}, flags(0x40n), ["stronger attributes.bits.cet off→on"], ["weaker attributes.bits.cet on→off"]],
  ["KSS", {}, flags(0x80n), ["neutral attributes.bits.kss off→on"], ["neutral attributes.bits.kss on→off"]],
  [
    "KSS freed and asked for at once: the mask's change says what it means",
    {},
    { ...flags(0x80n), ...free(0x80n) },
    ["neutral attributes.bits.kss off→on", "weaker attributemask.bits.kss enforced→free"],
    ["neutral attributes.bits.kss on→off", "stronger attributemask.bits.kss free→enforced"],
  ],
  [
    "XFRM",
    {},
    { attributes: { flags: MODE64BIT, xfrm: 7n } },
    ["neutral attributes.bits.avx off→on"],
    ["neutral attributes.bits.avx on→off"],
  ],
  [
    "bits without a name",
    {},
    flags(1n << 60n),
    ["neutral attributes.flags 0x0000000000000004→0x1000000000000004"],
    ["neutral attributes.flags 0x1000000000000004→0x0000000000000004"],
  ],
  [
    "mask of bits without a name, as Intel's tool leaves it",
    { attributemask: enforced },
    { attributemask: { flags: 0xff00_ffff_ffff_ffffn, xfrm: ALL } },
    ["weaker attributemask.flags 0xffffffffffffffff→0xff00ffffffffffff"],
    ["stronger attributemask.flags 0xff00ffffffffffff→0xffffffffffffffff"],
  ],
  [
    "MISCSELECT and its mask",
    {},
    { miscselect: 1, miscmask: 0xffff_fffd },
    ["neutral miscselect.bits.exinfo off→on", "weaker miscmask.bits.cpinfo enforced→free"],
    ["neutral miscselect.bits.exinfo on→off", "stronger miscmask.bits.cpinfo free→enforced"],
  ],
  [
    "CET_ATTRIBUTES and its mask",
    { cet_attributes: 1, cet_attributes_mask: 0xff },
    { cet_attributes: 2, cet_attributes_mask: 0x7f },
    [
      "weaker cet_attributes.bits.sh_stk_en on→off",
      "weaker cet_attributes.bits.wr_shstk_en off→on",
      "weaker cet_attributes_mask 0xff→0x7f",
    ],
    [
      "stronger cet_attributes.bits.sh_stk_en off→on",
      "stronger cet_attributes.bits.wr_shstk_en on→off",
      "stronger cet_attributes_mask 0x7f→0xff",
    ],
  ],
  [
    "KSS ids",
    flags(0x80n),
    { ...flags(0x80n), isvfamilyid: Buffer.from(sevens, "hex"), isvextprodid: Buffer.from(sevens, "hex") },
    [`neutral isvfamilyid ${zeros}→${sevens}`, `neutral isvextprodid ${zeros}→${sevens}`],
    [`neutral isvfamilyid ${sevens}→${zeros}`, `neutral isvextprodid ${sevens}→${zeros}`],
  ],
  [
    "MRENCLAVE",
    {},
    { enclavehash: new Uint8Array(32).fill(0xbb) },
    [`neutral enclavehash ${"aa".repeat(32)}→${"bb".repeat(32)}`],
    [`neutral enclavehash ${"bb".repeat(32)}→${"aa".repeat(32)}`],
  ],
];

describe("a change of", () => {
  test.each(TABLE)("%s", (_, before, after, there, back) => {
    expect(said(compare(before, after))).toEqual(there);
    expect(said(compare(after, before))).toEqual(back);
    expect([compare(before, after).result, compare(before, before).result]).toEqual(["different", "identical"]);
  });

  test("an MRENCLAVE whose ISVSVN stays says so, since no policy can tell the two apart by version", () => {
    const other = { enclavehash: new Uint8Array(32).fill(0xbb) };
    expect(compare({}, other).changes[0]?.meaning).toContain("ISVSVN stayed 1");
    expect(compare({}, { ...other, isvsvn: 2 }).changes[0]?.meaning).not.toContain("stayed");
  });

  test("DEBUG says what it gives away", () => {
    expect(compare({}, free(2n)).changes[0]?.meaning).toBe(
      "the launcher chooses DEBUG: with it, the enclave's memory can be read and written from outside",
    );
  });
});

describe("the key", () => {
  const release = makeSigstruct();

  test("of another signer is a change of MRSIGNER, and of nothing else", () => {
    const other = compareSigstructs(signed(release), signed(makeSigstruct({}, "other")));
    expect([other.result, said(other)]).toEqual([
      "resigned",
      [`neutral mrsigner ${testSigner()}→${testSigner("other")}`],
    ]);
  });

  test.each(["signature", "q1", "q2"] as const)("made a wrong %s", (name) => {
    const { offset } = SIGSTRUCT_LAYOUT.rows.find((row) => row.name === name) as { readonly offset: number };
    const broken = release.with(offset, (release[offset] ?? 0) ^ 1);
    const { result, changes } = compareSigstructs(signed(release), signed(broken));
    const own = changes.filter(({ field }) => field === name);
    expect([result, own]).toEqual([
      "resigned",
      [
        expect.objectContaining({
          before: "valid",
          after: expect.stringMatching(/^invalid \(sha256 [0-9a-f]{16}…\)$/),
          weight: "weaker",
          meaning: expect.stringContaining("SGX_INVALID_SIGNATURE"),
        }),
      ],
    ]);
  });

  test("is absent from what is yet to be signed", () => {
    const unsigned = { sigstruct: release.map((byte, at) => (isOfKey(at) ? 0 : byte)), signed: false };
    expect(said(compareSigstructs(unsigned, signed(release)))).toEqual([
      `neutral mrsigner null→${testSigner()}`,
      "stronger signature absent→valid",
      "stronger q1 absent→valid",
      "stronger q2 absent→valid",
    ]);
    expect(compareSigstructs(signed(release), unsigned)).toMatchObject({ result: "resigned" });
    expect(compareSigstructs(unsigned, unsigned)).toEqual({ result: "identical", changes: [] });
  });
});

function isOfKey(at: number): boolean {
  return SIGSTRUCT_LAYOUT.rows.some(
    ({ name, offset, size }) =>
      ["modulus", "signature", "q1", "q2"].includes(name) && at >= offset && at < offset + size,
  );
}

test("two wrong signatures are told apart, wherever they differ", () => {
  const release = makeSigstruct();
  const wrong = [520, 890].map((at) => signed(release.with(at, (release[at] ?? 0) ^ 1))) as [Side, Side];
  const { result, changes } = compareSigstructs(...wrong);
  expect([result, changes.map(({ field, weight }) => `${weight} ${field}`)]).toEqual([
    "resigned",
    ["neutral signature"],
  ]);
});

describe("whatever the bytes", () => {
  const release = makeSigstruct();
  const edits = fc.array(fc.tuple(fc.nat(SIGSTRUCT_SIZE - 1), fc.nat(255)), { maxLength: 4 });
  const edited = edits.map((list) => list.reduce((bytes, [at, byte]) => bytes.with(at, byte), release));

  test("nothing that changed goes unsaid, and nothing is said of what did not", () => {
    fc.assert(
      fc.property(edited, edited, (a, b) => {
        const { result, changes } = compareSigstructs(signed(a), signed(b));
        const same = Buffer.compare(a, b) === 0;
        expect([result === "identical", changes.length === 0]).toEqual([same, same]);
        for (const { before, after } of changes) expect(before).not.toBe(after);
      }),
      { numRuns: 150 },
    );
  });

  test("the way back names the same fields, in the same order", () => {
    fc.assert(
      fc.property(edited, edited, (a, b) => {
        const there = compareSigstructs(signed(a), signed(b)).changes.map(({ field }) => field);
        const back = compareSigstructs(signed(b), signed(a)).changes.map(({ field }) => field);
        expect(back).toEqual(there);
      }),
      { numRuns: 50 },
    );
  });
});

test("a side of another length is refused", () => {
  const short = signed(new Uint8Array(1807));
  expect(codeOf(() => compareSigstructs(short, signed(makeSigstruct())))).toBe("length");
});
