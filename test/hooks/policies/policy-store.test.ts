/** The life of policies: real files, real signatures, real WASM. */

import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, sha256Hex } from "../../../engine/policy/canonical.js";
import {
  createGate,
  type Gate,
  makeBundle,
  openPolicyStore,
  type PolicyEvent,
  type PolicySource,
  type PolicyStoreOptions,
  shippedPolicy,
  signBundle,
} from "../../../hooks/index.js";
import { emptyFolder } from "../../cli/policy/folder.js";
import { codeOf } from "../../support/codes.js";
import { ecPair, ed25519Pair, keysOf, pack, tinyFiles, utf8 } from "../../support/signing.js";
import { tinyOpaModule } from "../../support/wasm.js";

const FLEET = keysOf(ed25519Pair(), { keyId: "fleet" });
const STRANGER = keysOf(ecPair(), { keyId: "fleet" });
const TIME = 1_795_300_000;

/** A bundle of that name, revision and content, as launchgate build would write it. */
function bundle(name: string, revision: string, content = revision, wasm: Uint8Array = tinyOpaModule()): Uint8Array {
  const files = tinyFiles({ revision, data: { content }, wasm });
  const manifest = JSON.parse(new TextDecoder().decode(files[".manifest"]));
  const launchgate = {
    contract: 1,
    name,
    entrypoints: ["launch/decision"],
    opa: "0.70.0",
    sources_sha256: { "launch/decision.rego": sha256Hex(files["launch/decision.rego"] as Uint8Array) },
    wasm_sha256: sha256Hex(wasm),
    data_sha256: sha256Hex(canonicalJson({ content })),
    reads: { "launch/decision": [] },
  };
  return pack({ ...files, ".manifest": utf8(canonicalJson({ ...manifest, metadata: { launchgate } })) });
}

const signed = (...given: Parameters<typeof bundle>) => signBundle(bundle(...given), FLEET.signing);

const VERIFY = { keys: FLEET.verifying };

/** A store over those sources, with a gate as what is prepared, and what it told. */
async function open(sources: readonly PolicySource[], options: Partial<PolicyStoreOptions<Gate>> = {}) {
  const events: PolicyEvent[] = [];
  const store = await openPolicyStore<Gate>({
    sources,
    prepare: (policies, generation) => createGate({ policies, generation }),
    stateFile: null,
    now: () => TIME,
    onEvent: (event) => events.push(event),
    ...options,
  });
  /** The codes of what was refused since last asked. */
  const refused = () =>
    events.splice(0).flatMap((event) => (event.type === "policy_refused" ? [event.refusal.code] : []));
  return { store, events, refused };
}

const file = (path: string, verify: Extract<PolicySource, { kind: "file" }>["verify"] = VERIFY): PolicySource => ({
  kind: "file",
  path,
  verify,
});
const revisions = (store: {
  readonly active: { readonly policies: readonly { readonly name: string; readonly revision: string }[] } | null;
}) => store.active?.policies.map(({ name, revision }) => `${name} ${revision}`) ?? null;

/** As a careful deployer does: written aside, then renamed into place. */
function put(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.new`, bytes);
  renameSync(`${path}.new`, path);
}

describe("a policy comes into force", () => {
  test("verified, with its key, and its read sets trusted; each by a generation of its own", async () => {
    const path = join(emptyFolder(), "p.tar.gz");
    put(path, await signed("fleet", "1"));
    const { store, events } = await open([file(path)]);
    const first = store.active;
    const policy = {
      name: "fleet",
      revision: "1",
      sha256: first?.bundles[0]?.sha256,
      source: path,
      verified: true,
      keyId: "fleet",
    };
    expect(first).toMatchObject({ generation: 1, policies: [policy], bundles: [{ readsTrusted: true }] });
    expect(events).toEqual([{ type: "policy_activated", generation: 1, policies: [policy], overrides: [] }]);

    put(path, await signed("fleet", "2"));
    expect(await store.reload()).toMatchObject({ activated: true, refusals: [] });
    expect(store.active).toMatchObject({ generation: 2, policies: [{ revision: "2" }] });
    expect(store.active?.ready.decide({}).generation).toBe(2);
    // What an event has begun with stays what it was.
    expect(first).toMatchObject({ generation: 1, policies: [{ revision: "1" }] });
    expect(first?.ready.decide({}).generation).toBe(1);
  });

  test("once: reading the same again, or the same signed anew, changes nothing and tells nothing", async () => {
    const path = join(emptyFolder(), "p.tar.gz");
    put(path, await signed("fleet", "1"));
    const { store, events } = await open([file(path)]);
    const { active } = store;
    put(path, await signBundle(bundle("fleet", "1"), FLEET.signing, { expires: TIME + 1 }));
    expect(await store.reload()).toEqual({ active, activated: false, refusals: [] });
    expect(store.active).toBe(active);
    expect(events).toHaveLength(1);
  });

  test("from a folder, all bundles of it, and from what this host makes", async () => {
    const folder = emptyFolder();
    put(join(folder, "b.tar.gz"), await signed("site", "7"));
    put(join(folder, "a.tar.gz"), await signed("fleet", "1"));
    for (const name of [".c.tar.gz", "README", "d.tar.gz.tmp"]) writeFileSync(join(folder, name), "no bundle");
    mkdirSync(join(folder, "below"));
    writeFileSync(join(folder, "below", "e.tar.gz"), "no bundle");
    const made: PolicySource = { kind: "made", id: "built-in", make: () => shippedPolicy({ profile: "open" }) };
    const { store, refused } = await open([{ kind: "directory", path: folder, verify: VERIFY }, made]);
    expect(refused()).toEqual([]);
    expect(store.active?.policies.map(({ name, source, verified }) => [name, source, verified])).toEqual([
      ["fleet", join(folder, "a.tar.gz"), true],
      ["site", join(folder, "b.tar.gz"), true],
      [shippedPolicy().name, "built-in", false],
    ]);
  });

  test("unsigned where nobody asked for signatures, its read sets not trusted", async () => {
    const path = join(emptyFolder(), "p.tar.gz");
    put(path, bundle("fleet", "1"));
    const { store } = await open([file(path, null)]);
    expect(store.active).toMatchObject({
      policies: [{ verified: false, keyId: null }],
      bundles: [{ readsTrusted: false }],
    });
  });

  test("through links, as Kubernetes mounts them", async () => {
    const folder = emptyFolder();
    for (const version of ["1", "2"]) {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, "p.tar.gz"), await signed("fleet", version));
    }
    symlinkSync("1", join(folder, "..data"));
    symlinkSync("..data/p.tar.gz", join(folder, "p.tar.gz"));
    const { store } = await open([file(join(folder, "p.tar.gz"))]);
    symlinkSync("2", join(folder, "..new"));
    renameSync(join(folder, "..new"), join(folder, "..data"));
    await store.reload();
    expect(revisions(store)).toEqual(["fleet 2"]);
  });
});

describe("what is refused is told, and what was in force stays", () => {
  const broken = async () => (await signed("fleet", "9")).slice(0, 700);
  const CASES: readonly (readonly [string, string, () => Promise<Uint8Array> | Uint8Array])[] = [
    ["an unsigned one", "signature_missing", () => bundle("fleet", "9")],
    ["one by a stranger's key", "signature_algorithm", () => signBundle(bundle("fleet", "9"), STRANGER.signing)],
    [
      "one whose time is over",
      "signature_expired",
      () => signBundle(bundle("fleet", "9"), FLEET.signing, { expires: TIME }),
    ],
    [
      "one for another purpose",
      "signature_scope",
      () => signBundle(bundle("fleet", "9"), FLEET.signing, { scope: "lab" }),
    ],
    ["half of one", "bundle_format", broken],
    ["an empty file", "bundle_format", () => new Uint8Array()],
    ["an older one", "revision_rollback", () => signed("fleet", "4")],
    ["another one of the same revision", "revision_reused", () => signed("fleet", "5", "other")],
    ["one without revision", "revision_format", () => signed("fleet", "")],
    ["one of another name", "policy_removed", () => signed("lab", "9")],
    [
      "one that WASM cannot load",
      "wasm_entrypoint",
      () => signed("fleet", "9", "9", tinyOpaModule({ entrypoints: '{"other":0}' })),
    ],
    ["one that is no WASM", "wasm_invalid", () => signed("fleet", "9", "9", utf8("no wasm"))],
  ];

  test.each(CASES)("%s: %s", async (_, code, make) => {
    const path = join(emptyFolder(), "p.tar.gz");
    put(path, await signed("fleet", "5"));
    const { store, refused } = await open([file(path)]);
    const { active } = store;
    put(path, await make());
    const result = await store.reload();
    expect(result).toMatchObject({ activated: false, refusals: [{ code, source: path }] });
    expect(store.active).toBe(active);
    expect(refused()).toEqual([code]);
    put(path, await signed("fleet", "6"));
    await store.reload();
    expect(store.active).toMatchObject({ generation: 2, policies: [{ revision: "6" }] });
  });

  test.each(CASES.filter(([, code]) => !/rollback|reused|removed/.test(code)))(
    "at the start nothing is in force by %s: %s",
    async (_, code, make) => {
      const path = join(emptyFolder(), "p.tar.gz");
      put(path, await make());
      const { store, refused } = await open([file(path)]);
      expect(store.active).toBeNull();
      expect(refused()).toEqual([code]);
      put(path, await signed("fleet", "1"));
      await store.reload();
      expect(store.active).toMatchObject({ generation: 1, policies: [{ revision: "1" }] });
    },
  );

  test("a file that is gone, is a folder, cannot be opened or is too long", async () => {
    const path = join(emptyFolder(), "p.tar.gz");
    const bytes = await signed("fleet", "1");
    put(path, bytes);
    const { store, refused } = await open([file(path)], { maxBytes: 1024 * 1024 });
    const { active } = store;
    unlinkSync(path);
    await store.reload();
    mkdirSync(path);
    await store.reload();
    rmSync(path, { recursive: true });
    symlinkSync("p.tar.gz", path);
    await store.reload();
    unlinkSync(path);
    writeFileSync(path, new Uint8Array(1024 * 1024 + 1));
    await store.reload();
    expect(refused()).toEqual(Array(4).fill("source_unreadable"));
    expect(store.active).toBe(active);
  });

  test("one bundle of a folder refuses the folder, so that its policies stay together", async () => {
    const folder = emptyFolder();
    const [a, b] = [join(folder, "a.tar.gz"), join(folder, "b.tar.gz")];
    put(a, await signed("fleet", "1"));
    put(b, await signed("site", "1"));
    const { store, events, refused } = await open([{ kind: "directory", path: folder, verify: VERIFY }]);
    events.splice(0);
    put(a, await signed("fleet", "2"));
    put(b, bundle("site", "2"));
    await store.reload();
    expect(events).toMatchObject([
      { type: "policy_refused", generation: 1, refusal: { code: "signature_missing", source: b, policy: null } },
    ]);
    expect(revisions(store)).toEqual(["fleet 1", "site 1"]);
    events.splice(0);
    put(b, await signed("site", "2"));
    await store.reload();
    expect(revisions(store)).toEqual(["fleet 2", "site 2"]);

    put(b, await signed("fleet", "3"));
    await store.reload();
    expect(refused()).toContain("policy_duplicate");
    unlinkSync(b);
    await store.reload();
    expect(refused()).toEqual(["policy_removed"]);
    unlinkSync(a);
    await store.reload();
    expect(refused()).toEqual(["source_empty"]);
    expect(revisions(store)).toEqual(["fleet 2", "site 2"]);
  });

  test("of two sources, each keeps or takes its own; without one of them nothing is in force", async () => {
    const folder = emptyFolder();
    const [a, b] = [join(folder, "a.tar.gz"), join(folder, "b.tar.gz")];
    put(a, await signed("fleet", "1"));
    const { store, refused } = await open([file(a), file(b)]);
    expect(store.active).toBeNull();
    expect(refused()).toEqual(["source_unreadable"]);
    put(b, await signed("site", "1"));
    await store.reload();
    put(a, bundle("fleet", "2"));
    put(b, await signed("site", "2"));
    expect(await store.reload()).toMatchObject({ activated: true, refusals: [{ code: "signature_missing" }] });
    expect(revisions(store)).toEqual(["fleet 1", "site 2"]);
    put(a, await signed("site", "3"));
    await store.reload();
    expect(refused()).toContain("policy_duplicate");
  });

  test("what cannot be made ready is refused as a whole, and let go of", async () => {
    const path = join(emptyFolder(), "p.tar.gz");
    put(path, await signed("fleet", "1"));
    const discarded: unknown[] = [];
    const folder = emptyFolder();
    const stateFile = join(folder, "gone", "state.json");
    mkdirSync(join(folder, "gone"));
    const { store, refused } = await open([file(path)], {
      stateFile,
      discard: (gate) => discarded.push(gate),
      prepare: (policies, generation) => {
        if (policies[0]?.revision === "2") throw new Error("no workers left");
        return createGate({ policies, generation });
      },
    });
    const { active } = store;
    put(path, await signed("fleet", "2"));
    await store.reload();
    expect(refused()).toEqual(["prepare_failed"]);
    rmSync(join(folder, "gone"), { recursive: true });
    put(path, await signed("fleet", "3"));
    await store.reload();
    expect(refused()).toEqual(["state_unwritable"]);
    expect(discarded).toHaveLength(1);
    expect(store.active).toBe(active);
    mkdirSync(join(folder, "gone"));
    await store.reload();
    expect(store.active).toMatchObject({ generation: 2, policies: [{ revision: "3" }] });
  });

  test("what the host makes may fail as well", async () => {
    let fails = false;
    const make = () => {
      if (fails) throw new Error("opa is gone");
      return makeBundle({ name: "own", wasm: tinyOpaModule(), data: {}, entrypoints: ["launch/decision"] });
    };
    const { store, refused } = await open([{ kind: "made", id: "/etc/policy", make }]);
    const { active } = store;
    fails = true;
    await store.reload();
    expect(refused()).toEqual(["source_unreadable"]);
    expect(store.active).toBe(active);
  });
});

describe("a restart lets nothing older in", () => {
  const setUp = async () => {
    const folder = emptyFolder();
    const [path, stateFile] = [join(folder, "p.tar.gz"), join(folder, "state.json")];
    put(path, await signed("fleet", "5"));
    await open([file(path)], { stateFile });
    return { path, stateFile };
  };

  test.each<[string, string, string]>([
    ["an older one", "4", "revision_rollback"],
    ["another one of the same revision", "5", "revision_reused"],
  ])("%s", async (_, revision, code) => {
    const { path, stateFile } = await setUp();
    put(path, await signed("fleet", revision, "other"));
    const { store, refused } = await open([file(path)], { stateFile });
    expect(store.active).toBeNull();
    expect(refused()).toEqual([code]);
  });

  test("nor one of another name in its place, nor nothing", async () => {
    const { path, stateFile } = await setUp();
    put(path, await signed("lab", "9"));
    const { store, refused } = await open([file(path)], { stateFile });
    expect({ active: store.active, refused: refused() }).toEqual({ active: null, refused: ["policy_removed"] });
  });

  test("the same, and newer ones; by number, generations begin where they are told to", async () => {
    const { path, stateFile } = await setUp();
    const { store } = await open([file(path)], { stateFile, firstGeneration: 40 });
    expect(store.active).toMatchObject({ generation: 40, policies: [{ revision: "5" }] });
    put(path, await signed("fleet", "6"));
    await store.reload();
    expect(store.active?.generation).toBe(41);
    expect(JSON.parse(readFileSync(stateFile, "utf8")).policies.fleet).toMatchObject({ revision: "6", source: path });
  });

  test("but with the operator's leave, which is told, and from there on it rises again", async () => {
    const { path, stateFile } = await setUp();
    put(path, await signed("fleet", "3"));
    const { store, events, refused } = await open([file(path)], { stateFile });
    expect(refused()).toEqual(["revision_rollback"]);
    await store.reload({ allowRollback: true });
    expect(events.splice(0)).toMatchObject([{ type: "policy_activated", overrides: ["allowRollback"] }]);
    put(path, await signed("fleet", "2"));
    await store.reload();
    expect(refused()).toEqual(["revision_rollback"]);
    put(path, await signed("fleet", "4"));
    await store.reload();
    expect(revisions(store)).toEqual(["fleet 4"]);
  });

  test("a removal with the operator's leave too", async () => {
    const { path, stateFile } = await setUp();
    put(path, await signed("lab", "1"));
    const { store } = await open([file(path)], { stateFile });
    await store.reload({ allowRemoval: true });
    expect(revisions(store)).toEqual(["lab 1"]);
    put(path, await signed("fleet", "4"));
    expect(await store.reload({ allowRemoval: true })).toMatchObject({ refusals: [{ code: "revision_rollback" }] });
  });

  test("a damaged state file stops the start", async () => {
    const { path, stateFile } = await setUp();
    writeFileSync(stateFile, "{");
    await expect(open([file(path)], { stateFile })).rejects.toMatchObject({ code: "policy_state" });
    chmodSync(stateFile, 0o600);
  });

  test("with revisions: any, whatever comes", async () => {
    const { path, stateFile } = await setUp();
    put(path, await signed("fleet", "git-4f2a"));
    const { store } = await open([file(path)], { stateFile, revisions: "any" });
    expect(revisions(store)).toEqual(["fleet git-4f2a"]);
    put(path, await signed("fleet", "1"));
    await store.reload();
    expect(revisions(store)).toEqual(["fleet 1"]);
  });
});

test("sources that are none, or twice the same, are the operator's fault", async () => {
  for (const sources of [[], [file("/a"), file("/a")]]) {
    const error = await open(sources).catch((thrown: unknown) => thrown);
    expect(
      codeOf(() => {
        throw error;
      }),
    ).toBe("option");
  }
});

describe("whatever is offered, the active policy is the last acceptable one", () => {
  /** By kind, the bytes for a revision. */
  const OFFERS = {
    good: (revision: number) => signed("fleet", String(revision)),
    unsigned: (revision: number) => bundle("fleet", String(revision)),
    stranger: (revision: number) => signBundle(bundle("fleet", String(revision)), STRANGER.signing),
    cut: async (revision: number) => (await signed("fleet", String(revision))).slice(0, 900),
    renamed: (revision: number) => signed("lab", String(revision)),
    reused: (revision: number) => signed("fleet", String(revision), "other"),
    wasm: (revision: number) => signed("fleet", String(revision), "x", utf8("no wasm")),
    nothing: () => null,
  } as const;
  type Kind = keyof typeof OFFERS;

  test("by sequences of them, with restarts between, and reloads at the same time", async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constantFrom(...(Object.keys(OFFERS) as Kind[])),
        revision: fc.integer({ min: 1, max: 6 }),
      }),
      fc.constant("restart" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const folder = emptyFolder();
        const [path, stateFile] = [join(folder, "p.tar.gz"), join(folder, "state.json")];
        let { store } = await open([file(path)], { stateFile });
        let accepted = null as { readonly revision: number; readonly other: boolean } | null;
        /** Whether what lies in the file now is what is accepted. */
        let there = false;
        let generation = 0;
        for (const offer of steps) {
          if (offer === "restart") {
            ({ store } = await open([file(path)], { stateFile }));
            expect(revisions(store)).toEqual(there && accepted !== null ? [`fleet ${accepted.revision}`] : null);
            generation = store.active === null ? 0 : 1;
            continue;
          }
          const { kind, revision } = offer;
          const bytes = await OFFERS[kind](revision);
          if (bytes === null) rmSync(path, { force: true });
          else put(path, bytes);
          await Promise.all([store.reload(), store.reload(), store.reload()]);
          const before = accepted;
          const other = kind === "reused";
          const sound = kind === "good" || kind === "reused";
          const rises = before === null || revision > before.revision;
          const same = before !== null && revision === before.revision && other === before.other;
          // After a restart onto a refused file nothing is in force, until what is acceptable comes.
          const first = store.active !== null && generation === 0;
          if (kind === "renamed" && before === null) {
            // The first policy gives the place its name; such sequences are another's to try.
            return;
          }
          if (sound && (rises || same)) {
            if (!same || first) generation += 1;
            accepted = { revision, other };
            there = true;
          } else there = false;
          expect(store.active?.generation ?? 0).toBe(generation);
          expect(revisions(store)).toEqual(generation === 0 ? null : [`fleet ${accepted?.revision}`]);
          if (generation > 0)
            expect(store.active?.bundles[0]?.data).toEqual({
              content: accepted?.other ? "other" : String(accepted?.revision),
            });
        }
      }),
      { numRuns: 60 },
    );
  });
});
