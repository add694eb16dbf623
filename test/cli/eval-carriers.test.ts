/** `launchgate eval --sigstruct` and `--token` with the files that signers really have. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Decision } from "../../engine/index.js";
import { elf, genData, oeInfo, pe, sdkBlock, sdkNote, sgxsPage, sgxsRecord } from "../support/carriers.js";
import { launchgate } from "../support/cli.js";
import { makeSigstruct, makeToken } from "../support/sigstructs.js";
import { evalFiles } from "./eval-files.js";

const FOLDER = evalFiles();
const SIGSTRUCT = makeSigstruct();
const DEBUG = makeSigstruct({ attributes: { flags: 6n, xfrm: 3n } });

const sdk = (...blocks: readonly Uint8Array[]) =>
  elf(64, [{ name: ".note.sgxmeta", content: sdkNote(blocks.map((one) => sdkBlock(one))) }]);
const two = sdk(SIGSTRUCT, DEBUG);
const AT = (two.at[".note.sgxmeta"] ?? 0) + 89;
const oe = (sigstruct: Uint8Array) => elf(64, [{ name: ".oeinfo", content: oeInfo(sigstruct) }]).bytes;

const FILES: Readonly<Record<string, Uint8Array | string>> = {
  "sdk.so": sdk(SIGSTRUCT).bytes,
  "same.so": sdk(SIGSTRUCT, SIGSTRUCT).bytes,
  "two.so": two.bytes,
  "sdk32.so": elf(32, [{ name: ".note.sgxmeta", content: sdkNote([sdkBlock(SIGSTRUCT)]) }]).bytes,
  "oe.so": oe(SIGSTRUCT),
  "unsigned.so": oe(new Uint8Array(1808)),
  "cut.so": sdk(SIGSTRUCT).bytes.subarray(0, 5000),
  "a.dll": pe(64, [{ name: "sgxmeta", content: sdkBlock(SIGSTRUCT) }]).bytes,
  material: genData(SIGSTRUCT),
  "a.sgxs": Buffer.concat([sgxsRecord("ECREATE", [8, 1], [12, 0x4000]), sgxsPage(0, 0x203, null)]),
  "token.hex": Buffer.from(makeToken()).toString("hex"),
};
for (const [name, content] of Object.entries(FILES)) writeFileSync(join(FOLDER, name), content);

const evaluate = (args: string) =>
  launchgate(["eval", ...args.split(" "), "--profile", "baseline", "--format", "json"], { cwd: FOLDER });

describe("is decided as the SIGSTRUCT alone would be", () => {
  test.each([
    ["sdk.so", "allow"],
    ["same.so", "allow"],
    [`two.so@${AT}`, "allow"],
    [`two.so@${AT + 1952}`, "deny"],
    ["sdk32.so", "allow"],
    ["oe.so", "allow"],
    ["a.dll", "allow"],
    ["release --token token.hex", "allow"],
  ] as const)("%s: %s", (args, decision) => {
    const { code, stdout } = evaluate(`--sigstruct ${args} --attributes 0x4:0x3`);
    const decided = JSON.parse(stdout) as Decision;
    expect([code, decided.decision]).toEqual([decision === "allow" ? 0 : 2, decision]);
  });

  test("by its very bytes", () => {
    const inside = JSON.parse(evaluate("--sigstruct oe.so").stdout) as Decision;
    writeFileSync(join(FOLDER, "same.sig"), SIGSTRUCT);
    const alone = JSON.parse(evaluate("--sigstruct same.sig").stdout) as Decision;
    expect(inside.sigstruct_sha256).toBe(alone.sigstruct_sha256);
    expect(inside.reasons).toEqual(alone.reasons);
  });
});

describe("is not decided, with exit 1 and advice", () => {
  test.each([
    [
      "several that differ",
      "--sigstruct two.so",
      new RegExp(`two.so holds 2 different SIGSTRUCTs: choose one of two.so@${AT}, two.so@${AT + 1952}`),
    ],
    ["an offset where nothing lies", "--sigstruct two.so@1", /two.so holds no structure at offset 1, expected two.so@/],
    [
      "an unsigned image",
      "--sigstruct unsigned.so",
      /unsigned.so: the Open Enclave image is not signed: .*oesign sign/,
    ],
    ["a broken one", "--sigstruct cut.so", /cut.so: the ELF section table lies outside the file/],
    ["a stream", "--sigstruct a.sgxs", /a.sgxs is an SGXS stream, .* give its SIGSTRUCT \(\.sig\) too/],
    ["an enclave as a token", "--sigstruct release --token sdk.so", /sdk.so holds a SIGSTRUCT, expected an EINITTOKEN/],
    ["an enclave as a SECS", "--sigstruct release --secs sdk.so", /sdk.so holds a SIGSTRUCT, expected a SECS/],
    ["signing material as a SECS", "--sigstruct release --secs material", /holds signing material, expected a SECS/],
  ])("%s", (_, args, advice) => {
    const { code, stdout, stderr } = evaluate(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(advice);
  });
});

test("signing material is no SIGSTRUCT, and denied as one of the wrong length", () => {
  const { code, stdout } = evaluate("--sigstruct material");
  expect([code, (JSON.parse(stdout) as Decision).reasons]).toEqual([
    2,
    [{ code: "malformed", message: "SIGSTRUCT is 256 bytes, expected 1808", module: "event" }],
  ]);
});
