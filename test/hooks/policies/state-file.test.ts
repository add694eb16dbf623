import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readStateFile, writeStateFile } from "../../../hooks/policies/state-file.js";
import { emptyFolder } from "../../cli/policy/folder.js";

const LEDGER = new Map([
  ["fleet", { revision: "7", sha256: "a".repeat(64), source: "/etc/p.tar.gz" }],
  ["constructor", { revision: "", sha256: "b".repeat(64), source: null }],
]);

describe("the policy state file", () => {
  test("is read as it was written, by its owner alone, and leaves no draft", async () => {
    const folder = emptyFolder();
    const path = join(folder, "state.json");
    await writeStateFile(path, new Map());
    await writeStateFile(path, LEDGER);
    expect(await readStateFile(path)).toEqual(LEDGER);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["state.json"]);
    expect(readFileSync(path, "utf8")).toMatch(/^\{\n {2}"version": 1,/);
  });

  test("is empty where there is none", async () => {
    expect(await readStateFile(join(emptyFolder(), "state.json"))).toEqual(new Map());
  });

  test("cannot be written where there is no folder, which shows", async () => {
    await expect(writeStateFile(join(emptyFolder(), "no", "state.json"), LEDGER)).rejects.toThrow(/ENOENT/);
  });

  test.each<[string, (path: string) => void]>([
    ["no JSON", (path) => writeFileSync(path, "{", { mode: 0o600 })],
    ["empty", (path) => writeFileSync(path, "", { mode: 0o600 })],
    ["null", (path) => writeFileSync(path, "null", { mode: 0o600 })],
    ["of another version", (path) => writeFileSync(path, '{"version":2,"policies":{}}', { mode: 0o600 })],
    ["without policies", (path) => writeFileSync(path, '{"version":1}', { mode: 0o600 })],
    [
      "with a policy that is none",
      (path) => writeFileSync(path, '{"version":1,"policies":{"a":null}}', { mode: 0o600 }),
    ],
    [
      "with a digest that is none",
      (path) =>
        writeFileSync(path, '{"version":1,"policies":{"a":{"revision":"1","sha256":"x","source":null}}}', {
          mode: 0o600,
        }),
    ],
    ["a folder", (path) => mkdirSync(path)],
    ["a link", (path) => symlinkSync("/dev/null", path)],
    [
      "open to others",
      (path) => {
        writeFileSync(path, '{"version":1,"policies":{}}');
        chmodSync(path, 0o666);
      },
    ],
  ])("that is %s is refused, not taken for empty", async (_, make) => {
    const path = join(emptyFolder(), "state.json");
    make(path);
    await expect(readStateFile(path)).rejects.toMatchObject({ code: "policy_state" });
  });
});
