/** `launchgate suggest`: what it proposes for each denial, what it never proposes, and that the proposal does what it says. */

import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { liftOf } from "../../cli/suggest/lifts.js";
import type { Granularity, PlanOptions } from "../../cli/suggest/plan.js";
import { suggestionYaml } from "../../cli/suggest/render.js";
import { type Suggestion, suggest } from "../../cli/suggest/run.js";
import {
  effectiveData,
  type JsonObject,
  type LaunchEvent,
  REASONS,
  shippedData,
  shippedPolicy,
} from "../../hooks/index.js";
import { launchgate, type RunOptions } from "../support/cli.js";
import { makeSecs } from "../support/events.js";
import { makeSigstruct, makeToken, testSigner } from "../support/sigstructs.js";
import { AUTHOR, at, FOLDER, file, filled, json, LISTED, lines, OTHER, recorded, travelling } from "./replay-logs.js";

const MRENCLAVE = "aa".repeat(32);
const NONE: PlanOptions["allowed"] = new Set(["provisionkey"]);
const ALL: PlanOptions["allowed"] = new Set(["debug", "provisionkey", "einittokenkey", "vm_provisionkey"]);

interface Asked {
  readonly data?: readonly JsonObject[];
  readonly profile?: string;
  readonly by?: Granularity;
  readonly allowed?: PlanOptions["allowed"];
  readonly all?: boolean;
}

/** Of a log in memory, as the command does it. */
function suggestFor(records: readonly unknown[], asked: Asked = {}): Promise<Suggestion> {
  const { data = [], profile = "strict", by = "product", allowed = NONE, all = false } = asked;
  const log = new TextEncoder().encode(lines(records));
  const source = {
    name: "log",
    sizeBytes: log.length,
    open: async function* () {
      yield log;
    },
  };
  return suggest({
    sources: [source],
    filter: { since: null, until: null, origins: null, hooks: null, limit: null },
    policies: [shippedPolicy({ profile, data })],
    lockdown: "none",
    by,
    allowed,
    all,
    examples: 2,
    progress: () => ({ at: () => undefined, clear: () => undefined }),
  });
}

/** The event as a bare one: what the given policy says of it is all that counts. */
const bare = (event: LaunchEvent): unknown => travelling(event);

const GUEST: Partial<LaunchEvent> = {
  origin: { kind: "kvm", enforcement: "kernel", process: null, vm: { id: "vm-1", name: null }, guest: null },
};
const flags = (bits: bigint): Partial<LaunchEvent> => ({
  sigstruct: makeSigstruct({ attributes: { flags: 0x4n | bits, xfrm: 0x3n } }),
  secs: makeSecs({ attributes: { flags: `0x${(0x4n | bits).toString(16)}`, xfrm: "0x3" } }),
});
const GRANTED = { provisionkey: { granted: true, how: "fd" } } as const;
const HASH = "1e".repeat(32);
const KSS_SIGNED = {
  sigstruct: makeSigstruct({
    attributes: { flags: 0x84n, xfrm: 0x3n },
    isvextprodid: new Uint8Array(16).fill(0x0e),
    isvfamilyid: new Uint8Array(16).fill(0x0f),
  }),
  secs: makeSecs({ attributes: { flags: "0x84", xfrm: "0x3" } }),
};
const pinned = (more: object): JsonObject =>
  ({ version: 1, signers: { [AUTHOR]: { name: "the author", ...more } } }) as unknown as JsonObject;
const NAME = `signer ${AUTHOR.slice(0, 16)}`;
const MEASURED = { mrsigner: AUTHOR, isvprodid: 1, min_isvsvn: 1 };

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

describe("which records count", () => {
  const strict = recorded(at(0));
  const open = recorded(at(1), { profile: "open" });
  const other = { name: "other", mayAllow: true, hooks: { enclave_init: () => ({ answer: "allow" as const }) } };
  const permissive = recorded(at(2), { permissive: ["policy"], modules: [other] });

  test("denials, would-be denials and bare events; what was allowed only where all are asked for", async () => {
    const records = [strict, open, permissive, bare(at(3))];
    expect((await suggestFor(records)).counts).toMatchObject({
      denials: 3,
      denied_now: 1,
      justified: 3,
      newly_allowed: 4,
    });
    expect((await suggestFor(records, { all: true })).counts).toMatchObject({
      denials: 4,
      denied_now: 0,
      justified: 4,
    });
  });

  test("what the policy allows already needs nothing", async () => {
    const found = await suggestFor([strict], { data: [LISTED] });
    expect([found.document, found.counts.allowed_already]).toEqual([{ version: 1 }, 1]);
  });

  test("each entry names its own events, and what else they let in is told", async () => {
    const outdated = at(9, { sigstruct: makeSigstruct({ isvsvn: 5, enclavehash: filled(0xbb) }) });
    const unasked = recorded(at(5, { sigstruct: makeSigstruct({ enclavehash: filled(0xcc) }) }), { profile: "open" });
    const found = await suggestFor([strict, recorded(outdated), unasked]);
    expect(found.justification).toEqual([
      {
        path: ["signers", AUTHOR, "products", "1"],
        allows: "every enclave that this signer signs as product 1 with ISVSVN 1 or higher",
        lifts: ["signer_not_listed"],
        ...{ events: 2, first: 1_795_300_000, last: 1_795_300_009, origins: { native: 2 } },
        mrenclaves: [MRENCLAVE, "bb".repeat(32)],
        examples: [1, 2].map((line) => ({ file: "log", line, decision_id: expect.any(String) })),
      },
    ]);
    expect(found.newly_allowed).toMatchObject([{ mrsigner: AUTHOR, isvprodid: 1, events: 3 }]);
    expect(found.counts).toMatchObject({ justified: 2, newly_allowed: 3 });
  });

  test("a proposal that denies what was allowed is told, and exits 2", async () => {
    // Under baseline everybody may launch who is not listed: listing one measurement for its first build denies an older one.
    const listed = at(0, flags(0x2n));
    const older = at(1, { sigstruct: makeSigstruct({ isvsvn: 0 }) });
    file("narrowing.jsonl", lines([bare(listed), recorded(older, { profile: "baseline" })]));
    const { code, stderr } = run("narrowing.jsonl --profile baseline --allow-debug");
    expect([code, stderr]).toEqual([2, expect.stringContaining("newly DENIED")]);
    expect(stderr).toContain("mrenclave_isvsvn_too_low");
  });
});

function run(args: string, options: RunOptions = {}) {
  return launchgate(["suggest", ...args.split(" ").filter((arg) => arg !== "")], { cwd: FOLDER, ...options });
}

describe("the command", () => {
  const hostile = at(3, { sigstruct: makeSigstruct({}, "other") });
  const records = [recorded(at(0)), { ...(recorded(hostile) as object) }];
  (records[1] as { result: { decision_id: string } }).result.decision_id = "x\n  debug: true # \u001b[2J";
  file("log.jsonl", lines(records));

  test("prints a data document that the policies take, with comments that no text from the log can leave", () => {
    const { code, stdout, stderr } = run("log.jsonl");
    expect(code).toBe(0);
    expect(`${stdout}${stderr}`).not.toContain("\u001b");
    file("proposal.yaml", stdout);
    const document = parse(stdout);
    expect(document).toEqual({
      version: 1,
      signers: Object.fromEntries(
        [AUTHOR, OTHER]
          .sort()
          .map((name) => [name, { name: `signer ${name.slice(0, 16)}`, products: { 1: { min_isvsvn: 1 } } }]),
      ),
    });
    expect(effectiveData([document], shippedData)["signers"]).toEqual(document.signers);
    const after = launchgate(["replay", "log.jsonl", "--data", "proposal.yaml", "--format", "json"], { cwd: FOLDER });
    expect(JSON.parse(after.stdout).counts).toMatchObject({ deny_to_allow: 2, same: 0 });
    expect(stdout).toMatch(/^# Proposed by launchgate suggest from 2 denials among 2 records\.\n/);
    expect(stdout).toContain("# because of 1 event (1 native), 2026-11-21T22:26:40Z: signer_not_listed\n");
    expect(stderr).toMatch(/^2 denials considered: 2 justify the proposal, 0 are left out\n/);
  });

  test("prints JSON with the document, its justification, what is newly allowed and what is left out", () => {
    const { code, stdout } = run("log.jsonl --format json --by signer");
    const found = JSON.parse(stdout) as Suggestion;
    expect([code, Object.keys(found)]).toEqual([
      0,
      [
        "schema",
        "document",
        "justification",
        "left_out",
        "newly_allowed",
        "newly_denied",
        "still_denied",
        "counts",
        "summary",
      ],
    ]);
    expect(found.justification).toMatchObject(
      [AUTHOR, OTHER].sort().map((name) => ({ path: ["signers", name], events: 1 })),
    );
    expect(found.document["signers"]).toMatchObject({ [testSigner()]: { name: NAME } });
  });

  test("reads stdin twice by a private copy, which it takes away", () => {
    const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith("launchgate-log-"));
    const before = copies();
    const { code, stdout } = run("-", { input: lines(records) });
    expect([code, Object.keys(parse(stdout).signers).length]).toEqual([0, 2]);
    expect(copies()).toEqual(before);
  });

  test("with nothing to propose it says so, and exits 0", () => {
    json("both.json", { version: 1, signers: { [AUTHOR]: { name: "a" }, [OTHER]: { name: "b" } } });
    const { code, stdout, stderr } = run("log.jsonl --data both.json");
    expect([code, parse(stdout)]).toEqual([0, { version: 1 }]);
    expect(stderr).toContain("2 recorded as denied, and allowed by this policy already");
  });

  test.each([
    ["no-such.jsonl", 1, /there is no such file/],
    ["broken.jsonl", 1, /1 line is broken/],
    ["empty.jsonl", 1, /holds no record/],
    ["broken.jsonl --skip-invalid 1", 0, /broken.jsonl:2: it is no JSON/],
    ["log.jsonl --by vendor", 1, /Allowed choices/],
    ["log.jsonl --data bad.json", 3, /unknown key/],
  ])("%s: exit %d", (args, code, message) => {
    file("broken.jsonl", `${JSON.stringify(records[0])}\n{\n`);
    file("empty.jsonl", "");
    json("bad.json", { version: 1, signer: {} });
    expect(run(args)).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });
});
