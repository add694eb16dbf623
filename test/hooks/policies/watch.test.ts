/** Changes of files are noticed: by the kernel's notice, and without it. */

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import {
  openPolicyStore,
  type PolicyEvent,
  type PolicySource,
  type PolicyStore,
  type WatchOptions,
} from "../../../hooks/index.js";
import { emptyFolder } from "../../cli/policy/folder.js";
import { pack, tinyFiles } from "../../support/signing.js";

const stores: PolicyStore<null>[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

const bundle = (revision: string) => pack(tinyFiles({ revision, data: { revision } }));

async function watched(source: PolicySource, options: WatchOptions) {
  const events: PolicyEvent[] = [];
  const store = await openPolicyStore({
    sources: [source],
    prepare: () => null,
    stateFile: null,
    onEvent: (event) => events.push(event),
  });
  stores.push(store);
  await store.watch(options);
  return { store, events };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 10) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`did not happen within 10 s: ${what}`);
}

/** Notice alone, and interval alone. */
const WAYS: readonly (readonly [string, WatchOptions])[] = [
  ["by notice", { settleMs: 20, pollMs: 3_600_000 }],
  ["by looking at intervals", { settleMs: 5, pollMs: 20 }],
];

describe.each(WAYS)("%s", (_, options) => {
  test("a file renamed into place is read", async () => {
    const path = join(emptyFolder(), "p.tar.gz");
    writeFileSync(path, bundle("1"));
    const { store, events } = await watched({ kind: "file", path, verify: null }, options);
    for (const revision of ["2", "3"]) {
      writeFileSync(`${path}.new`, bundle(revision));
      renameSync(`${path}.new`, path);
      await until(() => store.active?.policies[0]?.revision === revision, `revision ${revision}`);
    }
    expect(events.map(({ type }) => type)).toEqual(Array(3).fill("policy_activated"));
  });

  test("a file written slowly is read once it is whole", async () => {
    const path = join(emptyFolder(), "p.tar.gz");
    writeFileSync(path, bundle("1"));
    const { store, events } = await watched({ kind: "file", path, verify: null }, { ...options, settleMs: 150 });
    const bytes = bundle("2");
    writeFileSync(path, "");
    for (let at = 0; at < bytes.length; at += 600) {
      writeFileSync(path, bytes.subarray(at, at + 600), { flag: "a" });
      await sleep(5);
    }
    await until(() => store.active?.generation === 2, "the second generation");
    expect(events.filter(({ type }) => type === "policy_refused")).toEqual([]);
  });

  test("a bundle that comes into a folder is read", async () => {
    const folder = join(emptyFolder(), "policies");
    mkdirSync(folder);
    const { store, events } = await watched({ kind: "directory", path: folder, verify: null }, options);
    expect(store.active).toBeNull();
    writeFileSync(join(folder, "p.tar.gz"), bundle("1"));
    await until(() => store.active !== null, "a generation");
    expect(events.filter(({ type }) => type === "policy_activated")).toHaveLength(1);
  });

  test("what is refused is told once, not each time that somebody looks", async () => {
    const path = join(emptyFolder(), "p.tar.gz");
    writeFileSync(path, bundle("1"));
    const { store, events } = await watched({ kind: "file", path, verify: null }, options);
    writeFileSync(`${path}.new`, "no bundle");
    renameSync(`${path}.new`, path);
    await until(() => events.length > 1, "a refusal");
    await sleep(200);
    expect(events.slice(1)).toMatchObject([
      { type: "policy_refused", generation: 1, refusal: { code: "bundle_format" } },
    ]);
    expect(store.active?.generation).toBe(1);
  });
});

test("a folder that is not there yet is found by looking", async () => {
  const folder = join(emptyFolder(), "later");
  const { store } = await watched({ kind: "directory", path: folder, verify: null }, { settleMs: 5, pollMs: 20 });
  mkdirSync(folder);
  writeFileSync(join(folder, "p.tar.gz"), bundle("1"));
  await until(() => store.active !== null, "a generation");
});

test("what happens between reading and watching is not missed", async () => {
  const path = join(emptyFolder(), "p.tar.gz");
  writeFileSync(path, bundle("1"));
  const store = await openPolicyStore({
    sources: [{ kind: "file", path, verify: null }],
    prepare: () => null,
    stateFile: null,
  });
  stores.push(store);
  writeFileSync(path, bundle("2"));
  await store.watch({ settleMs: 5, pollMs: 3_600_000 });
  expect(store.active?.policies[0]?.revision).toBe("2");
});

test("a store that is closed reads no more", async () => {
  const path = join(emptyFolder(), "p.tar.gz");
  writeFileSync(path, bundle("1"));
  const { store } = await watched({ kind: "file", path, verify: null }, { settleMs: 5, pollMs: 10 });
  await store.close();
  writeFileSync(path, bundle("2"));
  await sleep(100);
  expect(store.active?.generation).toBe(1);
});
