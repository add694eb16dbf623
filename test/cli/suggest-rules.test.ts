/** What suggest proposes for each denial, what it never proposes, and that the table of both has every code. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { liftOf } from "../../cli/suggest/lifts.js";
import { GRANULARITIES } from "../../cli/suggest/plan.js";
import { suggestionYaml } from "../../cli/suggest/render.js";
import {
  effectiveData,
  type JsonObject,
  type LaunchEvent,
  REASONS,
  shippedData,
  shippedPolicy,
} from "../../hooks/index.js";
import { makeSecs } from "../support/events.js";
import { makeSigstruct, makeToken } from "../support/sigstructs.js";
import { AUTHOR, at, LISTED, OTHER } from "./replay-logs.js";
import {
  ALL,
  type Asked,
  bare,
  flags,
  GRANTED,
  GUEST,
  HASH,
  KSS_SIGNED,
  MEASURED,
  MRENCLAVE,
  NAME,
  pinned,
  suggestFor,
} from "./suggest-for.js";

describe("what lifts a denial", () => {
  test.each<[string, LaunchEvent, Asked, object]>([
    [
      "a product, from its lowest ISVSVN on",
      at(0),
      {},
      { signers: { [AUTHOR]: { name: NAME, products: { 1: { min_isvsvn: 1 } } } } },
    ],
    ["a signer", at(0), { by: "signer" }, { signers: { [AUTHOR]: { name: NAME } } }],
    [
      "a measurement, pinned",
      at(0),
      { by: "mrenclave" },
      { mrenclaves: { [MRENCLAVE]: { name: "enclave aaaaaaaaaaaaaaaa", ...MEASURED } } },
    ],
    [
      "a further product of a listed signer",
      at(0),
      { data: [pinned({ products: { "9": {} } })] },
      { signers: { [AUTHOR]: { name: "the author", products: { 1: { min_isvsvn: 1 } } } } },
    ],
    [
      "the same, by signer: one that is listed for products is not listed for all",
      at(0),
      { by: "signer", data: [pinned({ products: { "9": {} } })] },
      { signers: { [AUTHOR]: { name: "the author", products: { 1: { min_isvsvn: 1 } } } } },
    ],
    [
      "debug, where it is asked for",
      at(0, flags(0x2n)),
      { allowed: ALL },
      { signers: { [AUTHOR]: { name: NAME, products: { 1: { min_isvsvn: 1 } }, debug: true } } },
    ],
    [
      "debug of a signer that is listed for any product",
      at(0, flags(0x2n)),
      { allowed: ALL, data: [pinned({})] },
      { signers: { [AUTHOR]: { name: "the author", debug: true } } },
    ],
    [
      "debug of a listed measurement",
      at(0, flags(0x2n)),
      { allowed: ALL, data: [{ version: 1, mrenclaves: { [MRENCLAVE]: { name: "it" } } }] },
      { mrenclaves: { [MRENCLAVE]: { name: "it", debug: true } } },
    ],
    [
      "debug under baseline: the measurement, since a listed signer's other products would be denied",
      at(0, flags(0x2n)),
      { allowed: ALL, profile: "baseline" },
      { mrenclaves: { [MRENCLAVE]: { name: "enclave aaaaaaaaaaaaaaaa", ...MEASURED, debug: true } } },
    ],
    [
      "PROVISIONKEY with a grant",
      at(0, { ...flags(0x10n), grants: GRANTED }),
      {},
      { signers: { [AUTHOR]: { name: NAME, products: { 1: { min_isvsvn: 1 } }, provisionkey: true } } },
    ],
    [
      "EINITTOKENKEY, where it is asked for",
      at(0, flags(0x20n)),
      { allowed: ALL },
      { signers: { [AUTHOR]: { name: NAME, products: { 1: { min_isvsvn: 1 } }, einittokenkey: true } } },
    ],
    [
      "an extended product id",
      at(0, KSS_SIGNED),
      { data: [pinned({ products: { "1": { isvextprodids: {} } } })] },
      { signers: { [AUTHOR]: { name: "the author", products: { 1: { isvextprodids: { ["0e".repeat(16)]: {} } } } } } },
    ],
    [
      "a family id",
      at(0, KSS_SIGNED),
      { data: [pinned({ isvfamilyids: {} })] },
      { signers: { [AUTHOR]: { name: "the author", isvfamilyids: { ["0f".repeat(16)]: {} } } } },
    ],
    [
      "a launch enclave hash",
      at(0, { ...GUEST, token: makeToken(), platform: { flc: true, lepubkeyhash: HASH } }),
      { data: [LISTED] },
      { lepubkeyhashes: { [HASH]: { name: `launch enclave signer ${HASH.slice(0, 16)}` } } },
    ],
    [
      "a signer where an origin names its own",
      at(0),
      { data: [LISTED, { version: 1, origins: { native: { mrsigners: {} } } }] },
      { origins: { native: { mrsigners: { [AUTHOR]: {} } } } },
    ],
    [
      "a measurement where a VM names its own, and the signer besides",
      at(0, GUEST),
      { data: [{ version: 1, vms: { "vm-1": { mrenclaves: {} } } }] },
      {
        signers: { [AUTHOR]: { name: NAME, products: { 1: { min_isvsvn: 1 } } } },
        vms: { "vm-1": { mrenclaves: { [MRENCLAVE]: {} } } },
      },
    ],
    [
      "EPC for a VM",
      { ...at(0, GUEST), hook: "vm_epc", sigstruct: null, secs: null },
      {},
      { vms: { "vm-1": { epc: true } } },
    ],
    [
      "the provision device for a VM, where it is asked for",
      { ...at(0, GUEST), hook: "vm_provision", sigstruct: null, secs: null },
      { allowed: ALL },
      { vms: { "vm-1": { provisionkey: true } } },
    ],
  ])("%s", async (_, event, asked, expected) => {
    const found = await suggestFor([bare(event)], asked);
    expect(found.left_out).toEqual([]);
    expect(found.document).toEqual({ version: 1, ...expected });
    expect(found.counts).toMatchObject({
      denials: 1,
      justified: 1,
      newly_allowed: 1,
      newly_denied: 0,
      still_denied: 0,
    });
    expect(parse(suggestionYaml(found))).toEqual(found.document);
  });
});

const EDIT = /an addition|can only be edited/;

describe("what is left out, and why", () => {
  test.each<[string, LaunchEvent, Asked, readonly string[], string | RegExp]>([
    [
      "a bad signature",
      at(0, { sigstruct: makeSigstruct().with(600, 0x5a) }),
      {},
      ["SGX_INVALID_SIGNATURE"],
      /EINIT would refuse/,
    ],
    ["a structure of the wrong length", at(0, { sigstruct: new Uint8Array(7) }), {}, ["malformed"], /wrong length/],
    [
      "a revoked signer",
      at(0),
      { data: [{ version: 1, revoked: { mrsigners: { [AUTHOR]: { reason: "x" } } } }] },
      ["mrsigner_revoked"],
      /revoked/,
    ],
    [
      "a revoked measurement",
      at(0),
      { by: "mrenclave", data: [{ version: 1, revoked: { mrenclaves: { [MRENCLAVE]: { reason: "x" } } } }] },
      ["mrenclave_revoked"],
      /revoked/,
    ],
    ["debug", at(0, flags(0x2n)), {}, ["debug_on"], /--allow-debug/],
    [
      "debug that may be on",
      at(0, {
        secs: null,
        sigstruct: makeSigstruct({
          attributemask: { flags: ~0x2n & 0xffff_ffff_ffff_ffffn, xfrm: ~0n & 0xffff_ffff_ffff_ffffn },
        }),
      }),
      {},
      ["debug_unknown"],
      /--allow-debug/,
    ],
    [
      "debug where the listing forbids it",
      at(0, flags(0x2n)),
      { allowed: ALL, data: [pinned({ debug: false })] },
      ["debug_on"],
      EDIT,
    ],
    [
      "debug where the place forbids it",
      at(0, flags(0x2n)),
      { allowed: ALL, data: [{ version: 1, origins: { native: { debug: false } } }] },
      ["origin_debug"],
      /forbids it/,
    ],
    ["EINITTOKENKEY", at(0, flags(0x20n)), {}, ["einittokenkey_not_listed"], /--allow-einittokenkey/],
    [
      "PROVISIONKEY without a grant",
      at(0, flags(0x10n)),
      { allowed: ALL },
      ["provisionkey_not_granted"],
      /not granted/,
    ],
    [
      "an outdated build",
      at(0, { sigstruct: makeSigstruct({ isvsvn: 0 }) }),
      { data: [LISTED] },
      ["isvsvn_too_low"],
      EDIT,
    ],
    [
      "an outdated build by its measurement",
      at(0, { sigstruct: makeSigstruct({ isvsvn: 0 }) }),
      { by: "mrenclave", data: [LISTED] },
      ["isvsvn_too_low"],
      EDIT,
    ],
    ["an expired listing", at(0), { data: [pinned({ not_after: "2026-01-01T00:00:00Z" })] }, ["signer_expired"], EDIT],
    [
      "a closed origin",
      at(0),
      { data: [{ version: 1, origins: { native: { enabled: false } } }] },
      ["origin_disabled"],
      /forbids it/,
    ],
    [
      "a forbidden attribute",
      at(0),
      { data: [{ version: 1, attributes: { forbid: { mode64bit: { reason: "x" } } } }] },
      ["attribute_forbidden"],
      /for every launch/,
    ],
    [
      "a VM whose id no document can name",
      {
        ...at(0, {
          origin: { kind: "kvm", enforcement: "kernel", process: null, vm: { id: "a\nb", name: null }, guest: null },
        }),
        hook: "vm_epc",
        sigstruct: null,
        secs: null,
      },
      {},
      ["vm_epc_not_listed"],
      /none that a data document can name/,
    ],
    [
      "a VM named __proto__",
      {
        ...at(0, {
          origin: {
            kind: "kvm",
            enforcement: "kernel",
            process: null,
            vm: { id: "__proto__", name: null },
            guest: null,
          },
        }),
        hook: "vm_epc",
        sigstruct: null,
        secs: null,
      },
      {},
      ["vm_epc_not_listed"],
      /none that a data document can name/,
    ],
    [
      "the provision device",
      { ...at(0, GUEST), hook: "vm_provision", sigstruct: null, secs: null },
      {},
      ["vm_provisionkey_not_listed"],
      /--allow-vm-provisionkey/,
    ],
    [
      "an enclave that is only being created",
      {
        ...at(0, { secs: makeSecs({ attributes: { flags: "0x6", xfrm: "0x3" } }) }),
        hook: "enclave_create",
        sigstruct: null,
      },
      { allowed: ALL },
      ["debug_on"],
      /at enclave_init/,
    ],
  ])("%s", async (_, event, asked, codes, why) => {
    const found = await suggestFor([bare(event)], asked);
    expect(found.document).toEqual({ version: 1 });
    expect(found.justification).toEqual([]);
    expect(found.left_out).toMatchObject([{ codes, why: expect.stringMatching(why), events: 1 }]);
    expect(found.counts).toMatchObject({ justified: 0, newly_allowed: 0, newly_denied: 0, still_denied: 0 });
  });

  test("a second signer of a measurement that is proposed for one already", async () => {
    const other = at(1, { sigstruct: makeSigstruct({}, "other") });
    const found = await suggestFor([bare(at(0)), bare(other)], { by: "mrenclave" });
    expect(found.document["mrenclaves"]).toMatchObject({ [MRENCLAVE]: { mrsigner: AUTHOR } });
    expect(found.left_out).toMatchObject([
      { codes: ["signer_not_listed"], why: expect.stringMatching(/another signer/) },
    ]);
    expect(found.counts).toMatchObject({ denials: 2, justified: 1, newly_allowed: 1 });
  });

  test("nothing of an event, where one of its denials cannot be lifted", async () => {
    const found = await suggestFor([bare(at(0, flags(0x2n)))]);
    expect(found.document).toEqual({ version: 1 });
  });
});

describe("the table of what lifts what", () => {
  const UNKNOWN = /not known here/;
  /** Codes that are only ever warned of. */
  const WARNINGS = ["debug_launchable", "exception_used", "exception_expired"];
  const hooks = {
    "launch/decision": "enclave_init",
    "enclave/create": "enclave_create",
    "enclave/provision": "enclave_provision",
    "vm/epc": "vm_epc",
    "vm/provision": "vm_provision",
  } as const;

  test("knows every code of the shipped rules at every hook that can give it, and every code of the engine", () => {
    const asked = shippedPolicy().rules.flatMap(({ code, entrypoints }) =>
      entrypoints.map((entrypoint) => [code, hooks[entrypoint as keyof typeof hooks]] as const),
    );
    expect(asked.length).toBeGreaterThan(50);
    const codes = [...asked, ...Object.keys(REASONS).map((code) => [code, "enclave_init"] as const)];
    const unknown = codes.filter(([code, hook]) => {
      const lift = liftOf(code, hook);
      return lift.by === "nothing" && UNKNOWN.test(lift.why);
    });
    expect([...new Set(unknown.map(([code]) => code))].filter((code) => !WARNINGS.includes(code))).toEqual([]);
  });

  test("leaves a rule of a policy's own alone", () => {
    for (const code of ["our_rule", "__proto__", "toString"])
      expect(liftOf(code, "enclave_init")).toEqual({ by: "nothing", why: expect.stringMatching(UNKNOWN) });
  });
});

describe("whatever the log", () => {
  const events = [
    at(0),
    at(1, { sigstruct: makeSigstruct({}, "other") }),
    at(2, { sigstruct: makeSigstruct({ isvsvn: 0 }) }),
    at(3, { sigstruct: makeSigstruct({ isvprodid: 2, isvsvn: 4 }) }),
    at(4, { sigstruct: makeSigstruct({ enclavehash: new Uint8Array(32).fill(0xbb) }, "other") }),
    at(5, { sigstruct: makeSigstruct().with(600, 0x5a) }),
    at(6, flags(0x2n)),
    at(7, { ...flags(0x10n), grants: GRANTED }),
    at(8, flags(0x20n)),
    at(9, GUEST),
    at(10, KSS_SIGNED),
    { ...at(11, GUEST), hook: "vm_epc", sigstruct: null, secs: null } as const,
    at(12, { ...GUEST, token: makeToken(), platform: { flc: true, lepubkeyhash: HASH } }),
  ].map(bare);
  const documents: readonly JsonObject[] = [
    LISTED,
    pinned({ debug: false }),
    pinned({ isvfamilyids: {} }),
    { version: 1, mrenclaves: { [MRENCLAVE]: { name: "it", mrsigner: AUTHOR } } },
    { version: 1, revoked: { mrsigners: { [OTHER]: { reason: "leaked" } } } },
    { version: 1, origins: { kvm: { mrsigners: {} } } },
    { version: 1, vms: { "vm-1": { mrenclaves: {} } } },
    { version: 1, include: ["intel-dcap"] },
  ];

  test("the document is valid, allows all that justifies it, and lists nothing revoked", async () => {
    const asked = fc.record({
      by: fc.constantFrom(...GRANULARITIES),
      profile: fc.constantFrom("strict", "baseline", "open"),
      allowed: fc.constantFrom(ALL, new Set(["provisionkey"] as const)),
      data: fc.option(fc.constantFrom(...documents)).map((document) => (document === null ? [] : [document])),
    });
    await fc.assert(
      fc.asyncProperty(fc.subarray(events), asked, async (log, options) => {
        const found = await suggestFor(log, options);
        expect(parse(suggestionYaml(found))).toEqual(found.document);
        expect(() => effectiveData([...options.data, found.document], shippedData)).not.toThrow();
        expect(found.still_denied).toEqual([]);
        if (options.profile !== "baseline") expect(found.newly_denied).toEqual([]);
        const revokes = options.data.some((document) => document["revoked"] !== undefined);
        if (revokes) expect(JSON.stringify(found.document)).not.toContain(OTHER);
        const justified = found.counts.denials - found.left_out.reduce((sum, { events: left }) => sum + left, 0);
        expect(found.counts.justified).toBe(justified);
      }),
      { numRuns: 150 },
    );
  });
});

const CORPUS = resolve(process.env["LAUNCHGATE_CORPUS"] ?? join(import.meta.dirname, "../../../shared/corpus"));

describe.skipIf(!existsSync(join(CORPUS, "index.json")))(
  "other people's SIGSTRUCTs (skipped where the corpus is absent)",
  () => {
    const launches = () =>
      readdirSync(join(CORPUS, "sigstructs")).map((name, index) =>
        bare({
          ...at(index, { ...GUEST, grants: GRANTED }),
          sigstruct: new Uint8Array(readFileSync(join(CORPUS, "sigstructs", name))),
          secs: null,
        }),
      );

    test("Intel's are included by the shipped fragment, and no key that is public is ever listed", async () => {
      const found = await suggestFor(launches(), { allowed: ALL });
      expect(found.document["include"]).toEqual(["intel-dcap"]);
      expect(found.left_out.flatMap(({ codes }) => codes)).toContain("signer_key_public");
      const listed = Object.keys(found.document["signers"] as JsonObject);
      expect(listed.length).toBeGreaterThan(5);
      expect(listed).not.toContain("83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e");
      expect(found.counts).toMatchObject({ newly_denied: 0, still_denied: 0 });
    });
  },
);
