/** The importers' parsers: what each format says, what is refused, and that no bytes get anything else out of them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { documentOf } from "../../cli/import/merge.js";
import { IMPORT_FORMATS, type Imported, type ImportFormat } from "../../cli/import/model.js";
import { type ReadOptions, readImport } from "../../cli/import/read.js";
import { importedYaml } from "../../cli/import/yaml.js";
import { CommandError } from "../../cli/io.js";
import { DecodeError, effectiveData, shippedData } from "../../engine/index.js";
import { makeRefLe, makeWhitelist, ROOT_KEY } from "../support/lists.js";
import { testSigner } from "../support/sigstructs.js";

const [A, B, C] = ["aa", "bb", "cc"].map((byte) => byte.repeat(32)) as [string, string, string];
const PCE = "c54a62f2be9ef76efb1f3930ad81ea7f60defc1f5f25e09b7c067a815ae0c6cb";
const FORTANIX = "fb4bab3d6036ac1d730fa83d7366df1dd2dfeac194ef335d6854d8a6c6475542";

const OPTIONS: ReadOptions = {
  from: null,
  rootKey: ROOT_KEY.publicKey,
  unverified: false,
  egoSigner: { mrsigner: A },
  files: { mrsigner: () => B, mrenclave: () => C },
};

function read(bytes: Uint8Array | string | object, options: Partial<ReadOptions> = {}) {
  const content =
    bytes instanceof Uint8Array ? bytes : Buffer.from(typeof bytes === "string" ? bytes : JSON.stringify(bytes));
  return readImport(content, { ...OPTIONS, ...options });
}

/** The message of what is thrown, which is one of the two kinds that importers throw. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof CommandError || error instanceof DecodeError) return error.message;
    throw error;
  }
  return "";
}

const documentIn = ({ listings }: Imported) => documentOf(listings).document;

describe("Intel's white list", () => {
  const list = makeWhitelist({ mrsigners: [A, PCE, FORTANIX] });

  test("lists its signers, by the names that the shipped fragments give them, and nothing more", () => {
    const imported = read(list);
    expect([imported.format, imported.notes, documentIn(imported)]).toEqual([
      "intel-whitelist",
      [],
      {
        version: 1,
        signers: {
          [A]: { name: "Intel white list entry 0" },
          [PCE]: { name: "Intel PCE" },
          [FORTANIX]: { name: "Fortanix" },
        },
      },
    ]);
    expect(imported.facts.slice(0, 2)).toEqual([
      "Intel white list certificate, wl_version 30, 3 entries",
      "both signatures verified, up to the root key given",
    ]);
  });

  test("goes with the fragment that lists the same signer", () => {
    const document = { ...documentIn(read(list)), include: ["intel-dcap"] };
    expect(effectiveData([document], shippedData)).toMatchObject({ signers: { [PCE]: { provisionkey: true } } });
  });

  test.each([
    ["the provider's key", 20, "the root over the provider's certificate"],
    ["the root's signature", 100, "the root over the provider's certificate"],
    ["the list's version", 147, "the provider over the list"],
    ["an MRSIGNER", 160, "the provider over the list"],
    ["the provider's signature", list.length - 1, "the provider over the list"],
  ])("is refused where %s was changed, and taken unverified only where asked", (_, at, whose) => {
    const forged = new Uint8Array(list).with(at, (list[at] ?? 0) ^ 1);
    expect(refusal(() => read(forged))).toBe(
      `the signature of ${whose} does not verify: nothing in it can be relied on (--unverified takes it all the same)`,
    );
    const { facts, notes } = read(forged, { unverified: true });
    const said = `NOT VERIFIED: the signature of ${whose} does not verify`;
    expect([facts[1], notes[0]]).toEqual([said, said]);
  });

  test("under another root than Intel's is refused, unless that root is named", () => {
    expect(refusal(() => read(list, { rootKey: null }))).toContain("the root over the provider's certificate");
  });

  test("that lets everybody launch is refused, and says what does that", () => {
    const everybody = makeWhitelist({ mrsigners: ["00".repeat(32)] });
    expect(refusal(() => read(everybody))).toContain("any signer may launch. Use profile baseline for that");
    const among = read(makeWhitelist({ mrsigners: [A, "00".repeat(32)], product: 1 }));
    expect([Object.keys(documentIn(among)["signers"] ?? {}), among.notes]).toEqual([
      [A],
      [
        "it is for a launch enclave of ISVPRODID 1, Linux's has 32",
        "entry 1 is all zeros, which no signer's hash is: left out",
      ],
    ]);
  });

  test.each([
    [list.subarray(0, -1), "white list of 3 entries is 311 bytes, expected 312"],
    [Buffer.concat([list, Buffer.alloc(32)]), "white list of 3 entries is 344 bytes, expected 312"],
    [list.subarray(0, 215), "white list is 215 bytes, expected at least 216"],
    [makeWhitelist({ mrsigners: [] }), "white list: entry_number is 0, expected 1 to 2048"],
    [
      makeWhitelist({ mrsigners: [A], count: 0xffff_ffff }),
      "white list: entry_number is 4294967295, expected 1 to 2048",
    ],
    [new Uint8Array(list).with(137, 2), "white list: version of the list is 2, expected 1"],
    [new Uint8Array(list).with(1, 2), "white list: version of the certificate is 2, expected 1"],
  ])("of another shape is refused (%#)", (bytes, message) => {
    expect(refusal(() => read(bytes, { from: "intel-whitelist" }))).toBe(message);
  });
});

describe("a ref_le list", () => {
  const list = makeRefLe([
    { mrsigner: A, provisionkey: true },
    { mrsigner: B, mrenclave: C },
  ]);

  test("lists signers and single enclaves, hashes turned to natural order, and who signed it", () => {
    const imported = read(list);
    expect([imported.format, documentIn(imported)]).toEqual([
      "ref-le",
      {
        version: 1,
        signers: { [A]: { name: "ref_le list entry 0", provisionkey: true } },
        mrenclaves: { [C]: { name: "ref_le list entry 1", mrsigner: B } },
      },
    ]);
    expect(imported.facts.slice(0, 2)).toEqual([
      "ref_le white list, wl_version 7, 2 entries",
      "its signature verified",
    ]);
    expect(imported.notes).toEqual([
      `signed by ${testSigner("launch enclave")}: compare it with the MRSIGNER of the launch enclave that took this list`,
    ]);
  });

  test("has hashes that are not palindromes the right way round", () => {
    expect(documentIn(read(makeRefLe([{ mrsigner: PCE }])))).toMatchObject({
      signers: { [PCE]: { name: "Intel PCE" } },
    });
  });

  test.each([5, 300, 400, list.length - 1])("changed at byte %d is refused", (at) => {
    const forged = new Uint8Array(list).with(at, (list[at] ?? 0) ^ 1);
    expect(refusal(() => read(forged))).toContain("the list's signature does not verify");
    expect(read(forged, { unverified: true }).notes).toEqual(["NOT VERIFIED: the list's signature does not verify"]);
  });

  test("whose exponent lets anybody sign is refused", () => {
    expect(refusal(() => read(makeRefLe([{ mrsigner: A }], "launch enclave", 1)))).toContain(
      "exponent of the list's signer is 1",
    );
  });

  test.each([
    [list.subarray(0, -1), "ref_le list of 2 entries is 923 bytes, expected 924"],
    [list.subarray(0, 851), "ref_le list is 851 bytes, expected at least 852"],
    [makeRefLe([{ mrsigner: A }]).fill(0, 6, 8), "ref_le list: entries_count is 0, expected 1 to 512"],
    [makeRefLe([{ mrsigner: A }]).fill(255, 6, 8), "ref_le list: entries_count is 65535, expected 1 to 512"],
    [new Uint8Array(list).with(1, 9), "ref_le list: version is 9, expected 1"],
  ])("of another shape is refused (%#)", (bytes, message) => {
    expect(refusal(() => read(bytes, { from: "ref-le" }))).toBe(message);
  });
});

describe("the table that a ref_le list is made of", () => {
  const spaced = `${PCE.toUpperCase().replaceAll(/../g, "$& ")}`;

  test("lists the same, with the comments as names", () => {
    const table = `true, false, ${spaced}, , , , PCE\n\nfalse, true, ${A}, , ${C}, , one, enclave\r\n`;
    expect([read(table).format, documentIn(read(table))]).toEqual([
      "ref-le",
      {
        version: 1,
        signers: { [PCE]: { name: "Intel PCE", provisionkey: true } },
        mrenclaves: { [C]: { name: "one, enclave", mrsigner: A } },
      },
    ]);
    expect(read(table).facts).toContain("nobody has signed it");
  });

  test("may name files for both", () => {
    expect(documentIn(read("false, true, , key.pem, , enclave.css, x"))).toEqual({
      version: 1,
      mrenclaves: { [C]: { name: "x", mrsigner: B } },
    });
  });

  test.each([
    ["false, maybe, , key.pem", 'line 1: mr_enclave valid is "maybe", expected true or false'],
    [`false, false, ${A}\nyes, no`, 'line 2: allow provision is "yes", expected true or false'],
    ["false, false, abc", 'line 1: mr_signer is "abc", expected 64 hex digits, or a file in the next column'],
    [
      `true, true, ${A}, , , `,
      "line 1: mr_enclave is neither hash nor file, expected 64 hex digits, or a file in the next column",
    ],
    [`true, false, ${A}\n`.repeat(513), "ref_le table has 513 entries, expected 1 to 512"],
  ])("is refused: %#", (table, message) => {
    expect(refusal(() => read(table))).toBe(message);
  });
});

describe("a MarbleRun manifest", () => {
  const manifest = (packages: unknown) => ({ Packages: packages, Marbles: {} });

  test("lists its packages, by measurement or by signer, product and lowest ISVSVN", () => {
    const imported = read(
      manifest({
        backend: { UniqueID: A.toUpperCase(), Debug: false, AcceptedTCBStatuses: ["UpToDate"] },
        frontend: { SignerID: B, ProductID: 43, SecurityVersion: 3, Debug: true },
        both: { UniqueID: C, SignerID: B, ProductID: 1, SecurityVersion: 2 },
      }),
    );
    expect([imported.format, documentIn(imported), imported.notes]).toEqual([
      "marblerun",
      {
        version: 1,
        signers: {
          [B]: { name: "signer of frontend", products: { 43: { name: "frontend", min_isvsvn: 3 } }, debug: true },
        },
        mrenclaves: {
          [A]: { name: "backend" },
          [C]: { name: "both", mrsigner: B, isvprodid: 1, min_isvsvn: 2 },
        },
      },
      [
        "package backend: AcceptedTCBStatuses is about attestation, and left out",
        "package frontend: Debug demands DEBUG=1 there, and permits it here",
      ],
    ]);
  });

  test("is never listed wider than it says: what cannot be said is left out", () => {
    const { listings, notes } = read(
      manifest({ anybody: { Debug: true }, unlimited: { SignerID: A, SecurityVersion: 3 }, empty: { UniqueID: "" } }),
    );
    expect([listings, notes.filter((note) => note.includes("left out"))]).toEqual([
      [],
      [
        "package anybody is left out: it has neither UniqueID nor SignerID, so that anybody's enclave would be listed",
        "package unlimited is left out: it has SecurityVersion without ProductID, and ISVSVN is limited for each product",
        "package empty is left out: it has neither UniqueID nor SignerID, so that anybody's enclave would be listed",
      ],
    ]);
  });

  test.each([
    [manifest([]), "the manifest has no object Packages"],
    [manifest({}), "the manifest has 0 packages, expected 1 to 4096"],
    [manifest({ p: 1 }), "package p: found no object, expected one"],
    [manifest({ p: { UniqueId: A } }), /^package p: has the unknown key "UniqueId", expected some of Debug, UniqueID/],
    [manifest({ p: { UniqueID: "0x12" } }), "package p: UniqueID is no text of 64 hex digits"],
    [manifest({ p: { SignerID: A, ProductID: 70_000 } }), "package p: ProductID is no whole number from 0 to 65535"],
    [manifest({ p: { SignerID: A, ProductID: "1" } }), "package p: ProductID is no whole number from 0 to 65535"],
    [manifest({ p: { UniqueID: A, Debug: "no" } }), "package p: Debug is neither true nor false"],
    [`{"Packages":{"p":{"UniqueID":"${A}","UniqueID":"${B}"}}}`, 'the JSON has the key "UniqueID" twice in one object'],
    [`{"Packages":{},"x":${"[".repeat(200)}${"]".repeat(200)}}`, /^the JSON .*is nested deeper than 128 levels$/],
    ['{"Packages":', /^the JSON cannot be read: /],
    ['{"Packages":{"__proto__":{}}}', "the JSON Packages has the key __proto__"],
  ])("is refused: %#", (content, message) => {
    expect(refusal(() => read(content))).toMatch(message);
  });
});

describe("EGo's enclave.json", () => {
  const config = { exe: "build/hello", key: "private.pem", debug: false, productID: 2, securityVersion: 5 };

  test("lists its product under the signer that is told beside it", () => {
    expect([read(config).format, documentIn(read(config)), read(config).notes]).toEqual([
      "ego",
      {
        version: 1,
        signers: { [A]: { name: "signer of hello", products: { 2: { name: "hello", min_isvsvn: 5 } } } },
      },
      [],
    ]);
  });

  test("that has debug on says what that permits", () => {
    const { notes, listings } = read({ ...config, debug: true });
    expect([notes, listings[0]?.debug]).toEqual([
      ["hello: debug permits DEBUG=1 to every listed product of the signer"],
      true,
    ]);
  });

  test.each([
    [{ ...config, productID: -1 }, "enclave.json: productID is no whole number from 0 to 65535"],
    [{ ...config, securityVersion: undefined }, "enclave.json: securityVersion is no whole number from 0 to 65535"],
    [{ ...config, debug: 1 }, "enclave.json: debug is neither true nor false"],
    [{ ...config, exe: [] }, "enclave.json: exe is no text"],
  ])("is refused: %#", (content, message) => {
    expect(refusal(() => read(content))).toBe(message);
  });

  test("alone does not say who signs", () => {
    expect(refusal(() => read(config, { egoSigner: null }))).toContain("expected --sigstruct");
  });
});

describe("several listings of the same", () => {
  const signer = (more: object) => ({ SignerID: A, ...more });
  const merged = (...packages: readonly object[]) => {
    const { listings } = read({ Packages: Object.fromEntries(packages.map((one, at) => [`p${at}`, one])) });
    const { document, notes } = documentOf(listings);
    return { document, notes };
  };

  test("become one, with the products of both, and of one product the lower ISVSVN", () => {
    const two = merged(
      signer({ ProductID: 1, SecurityVersion: 4 }),
      signer({ ProductID: 2, SecurityVersion: 1 }),
      signer({ ProductID: 1, SecurityVersion: 3 }),
    );
    expect(two).toEqual({
      document: {
        version: 1,
        signers: {
          [A]: {
            name: "signer of p0",
            products: { 1: { name: "p0", min_isvsvn: 3 }, 2: { name: "p1", min_isvsvn: 1 } },
          },
        },
      },
      notes: [],
    });
  });

  test("never grant a flag to what only one of them lists", () => {
    const { document, notes } = merged(signer({ ProductID: 1, Debug: true }), signer({ ProductID: 2 }));
    expect([document, notes]).toEqual([
      expect.objectContaining({ signers: { [A]: expect.not.objectContaining({ debug: true }) } }),
      [`${A}: debug is set in one listing of several that differ, and would hold for all: left out`],
    ]);
    expect(merged(signer({ ProductID: 1, Debug: true }), signer({ ProductID: 1 })).document).toMatchObject({
      signers: { [A]: { debug: true } },
    });
  });

  test("of one enclave by two signers stay the first", () => {
    const { document, notes } = merged({ UniqueID: C, SignerID: A }, { UniqueID: C, SignerID: B });
    expect([document, notes]).toEqual([
      { version: 1, mrenclaves: { [C]: { name: "p0", mrsigner: A } } },
      [`${C}: listed twice for different signers or products; package p1 is left out`],
    ]);
  });
});

describe("whatever the bytes", () => {
  const seeds: readonly Uint8Array[] = [
    makeWhitelist({ mrsigners: [A, B] }),
    makeRefLe([{ mrsigner: A }, { mrsigner: B, mrenclave: C }]),
    Buffer.from(`true, true, ${A}, , ${B}, , x\nfalse, false, , key.pem, , , y\n`),
    Buffer.from(JSON.stringify({ Packages: { p: { SignerID: A, ProductID: 1, SecurityVersion: 2, Debug: true } } })),
    Buffer.from(JSON.stringify({ exe: "x", productID: 1, securityVersion: 2, debug: true })),
  ];
  const mutated = fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 6 }),
      fc.integer({ min: -40, max: 40 }),
    )
    .map(([seed, edits, grow]) => {
      const bytes = Buffer.concat([seed, Buffer.alloc(40)]).subarray(
        0,
        Math.max(0, seed.length + Math.min(0, grow)) + Math.max(0, grow),
      );
      for (const [at, byte] of edits) if (at < bytes.length) bytes[at] = byte;
      return bytes;
    });
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 1000 }),
    mutated,
    fc.string().map((text) => Buffer.from(text)),
  );
  const from = fc.constantFrom<ImportFormat | null>(null, ...IMPORT_FORMATS);

  test("a valid document comes out, or an error for people", () => {
    fc.assert(
      fc.property(any, from, fc.boolean(), (bytes, format, unverified) => {
        const message = refusal(() => {
          const whole = documentOf(read(bytes, { from: format, unverified }).listings);
          effectiveData([whole.document], shippedData);
          importedYaml(whole, ["head"]);
        });
        expect(typeof message).toBe("string");
      }),
      { numRuns: 2000 },
    );
  });

  test("a list that was changed anywhere does not come out verified", () => {
    for (const seed of seeds.slice(0, 2)) {
      fc.assert(
        fc.property(fc.nat(seed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const forged = new Uint8Array(seed).with(at, (seed[at] ?? 0) ^ flip);
          expect(refusal(() => read(forged))).not.toBe("");
        }),
        { numRuns: 300 },
      );
    }
  });

  test("megabytes of brackets and keys are refused at once", () => {
    const started = process.hrtime.bigint();
    const [open, close] = ["[".repeat(1_000_000), "]".repeat(1_000_000)];
    expect(refusal(() => read(`{"Packages":${open}`))).toContain("cannot be read");
    expect(refusal(() => read(`{"Packages":${open}${close}}`))).toContain("nested deeper");
    const keys = Array.from({ length: 300_000 }, (_, at) => `"${at}":0`).join();
    expect(refusal(() => read(`{"Packages":{},${keys}}`))).toContain("0 packages");
    expect(refusal(() => read(`{"Packages":{},${keys},"\\u0030":0}`))).toContain('the key "0" twice');
    expect(refusal(() => read(Buffer.alloc(5_000_000, "{")))).toContain("expected at most 4194304");
    expect(Number(process.hrtime.bigint() - started) / 1e9).toBeLessThan(5);
  });
});
