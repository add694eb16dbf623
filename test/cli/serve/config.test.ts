/** What is wrong with a configuration is said with file, line and column, all at once; what it leaves out is said as well. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { launchgate, ROOT } from "../../support/cli.js";
import { ed25519Pair, pack, tinyFiles } from "../../support/signing.js";
import { freshFolder, HAS_KOFFI } from "./daemons.js";

/** `--check` with this text, in a folder that there is. */
function check(text: string, folder = freshFolder()) {
  const file = join(folder, "c.yaml");
  writeFileSync(file, text);
  const env = { RUNTIME_DIRECTORY: join(folder, "run"), STATE_DIRECTORY: join(folder, "state") };
  const { code, stdout, stderr } = launchgate(["serve", "--check", "--config", file], { env });
  return { code, stdout, stderr: stderr.replaceAll(folder, "F"), folder };
}

const refusals = ({ stderr }: { readonly stderr: string }): readonly string[] =>
  stderr
    .split("\n")
    .filter((line) => line.startsWith("  "))
    .map((line) => line.trim().replace("F/c.yaml:", ""));

describe("a configuration is refused", () => {
  test.each<readonly [string, string, readonly string[]]>([
    ["that is empty", "", ["1:1: the configuration is null, expected an object, whose key version is 1"]],
    ["of another version", "version: 2\n", ["1:10: version is 2, expected 1"]],
    [
      "with an unknown key",
      "version: 1\nlisteners:\n  - pth: /s\n    path: /a\n",
      ["3:5: listeners[0].pth is an unknown key; did you mean path?"],
    ],
    [
      "with no policy that is wanted",
      "version: 1\npolicies:\n  - builtin: strictt\n",
      ['3:14: policies[0].builtin is "strictt", expected one of strict, baseline, open'],
    ],
    [
      "with a mode that YAML takes for a number",
      "version: 1\nlisteners: [{ path: /s, mode: 0660 }]\n",
      ['2:31: listeners[0].mode is 660, expected four octal digits in quotes, such as "0660"'],
    ],
    [
      "with a listener that is not on this machine",
      "version: 1\nmetrics: { listen: 0.0.0.0:9464 }\n",
      [
        '2:20: metrics.listen is "0.0.0.0:9464", expected 127.0.0.1:PORT, [::1]:PORT, localhost:PORT, or an absolute path',
      ],
    ],
    [
      "with several faults",
      "version: 1\ndeadline_ms: 0\nlisteners:\n  - { path: /a.sock, hold_ms: -1 }\n",
      [
        "2:14: deadline_ms is 0, expected an integer from 1 to 3600000",
        "4:31: listeners[0].hold_ms is -1, expected an integer from 0 to 3600000",
      ],
    ],
    [
      "with bundles whose signature nobody has said to want or not",
      "version: 1\npolicies:\n  - bundle: /b.tar.gz\n",
      ["3:5: policies[0] lacks the key verify: {key: FILE}, or none where no signature is wanted"],
    ],
    [
      "with two kinds of policy in one",
      "version: 1\npolicies:\n  - { bundle: /b, directory: /d, verify: none }\n",
      ["3:5: policies[0] has bundle and directory, expected one of builtin, bundle, directory"],
    ],
    [
      "with a VM's listener that names no VM",
      "version: 1\nlisteners:\n  - { path: /s, origin: kvm }\n",
      ["3:5: listeners[0] has the origin kvm and lacks the key vm: a VM is known by its socket"],
    ],
    [
      "with claims that nobody could check",
      "version: 1\nlisteners:\n  - { path: /s, identity: if_available, may_claim: { guest: [0] } }\n",
      ["3:27: listeners[0] has peers or may_claim, which need identity: required"],
    ],
    [
      "with two listeners at one place",
      "version: 1\nlisteners:\n  - path: /s\n  - path: /s\n    name: t\n",
      ["4:11: listeners[1].path is that of listeners[0] already"],
    ],
    [
      "with a group that there is not",
      "version: 1\nlisteners:\n  - { path: /s, group: nosuchgroup }\n",
      ["3:24: listeners[0].group: there is no group nosuchgroup in /etc/group; give the id as a number"],
    ],
    [
      "with an order that leaves a module out",
      "version: 1\nmodules: { order: [architecture, capability, policy] }\n",
      ["2:19: modules.order lacks the module lockdown"],
    ],
  ])("%s", (_, text, expected) => {
    const checked = check(text);
    expect([checked.code, checked.stdout, refusals(checked)]).toEqual([3, "", expected]);
  });

  test.each<readonly [string, string, number, RegExp]>([
    [
      "that is not there",
      "version: 1\npolicies: [{ bundle: /nowhere.tar.gz, verify: none }]\n",
      1,
      /source_unreadable/,
    ],
    [
      "whose key is not there",
      "version: 1\npolicies: [{ bundle: /b.tar.gz, verify: { key: /nowhere.pem } }]\n",
      1,
      /cannot read \/nowhere\.pem/,
    ],
    [
      "with a module that there is not",
      "version: 1\nmodules: { permissive: [nobody] }\n",
      3,
      /there is no module nobody/,
    ],
    [
      "with a file where the log is to be",
      `version: 1\naudit: { directory: ${join(ROOT, "README.md")} }\n`,
      1,
      /README\.md/,
    ],
  ])("as is a policy or a place %s", (_, text, code, message) => {
    expect(check(text)).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(message) });
  });

  test("as is a bundle that the key does not vouch for", () => {
    const folder = freshFolder();
    mkdirSync(join(folder, "bundles"));
    writeFileSync(join(folder, "bundles", "b.tar.gz"), pack(tinyFiles()));
    writeFileSync(join(folder, "key.pem"), ed25519Pair().publicPem);
    const text = `version: 1\npolicies: [{ directory: ${folder}/bundles, verify: { key: ${folder}/key.pem } }]\n`;
    expect(check(text, folder)).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringContaining("[signature_missing]"),
    });
  });
});

test("what a configuration leaves out is printed, and what is printed is a configuration that says the same", () => {
  const { code, stdout, folder } = check("version: 1\npolicies: [{ builtin: baseline }]\n");
  expect([code, parse(stdout)]).toMatchObject([
    0,
    {
      listeners: [
        {
          path: `${folder}/run/gate.sock`,
          name: "gate",
          mode: "0600",
          origin: "native",
          identity: "if_available",
          provisionkey: "fd",
        },
      ],
      policies: [{ builtin: "baseline" }],
      modules: { order: ["architecture", "capability", "policy", "lockdown"], permissive: [], lockdown: "none" },
      audit: { durability: "before", on_failure: "close" },
      metrics: { listen: null },
    },
  ]);
  const again = check(stdout, folder);
  expect([again.code, parse(again.stdout)]).toEqual([0, parse(stdout)]);
});

test.skipIf(!HAS_KOFFI)("the example is a configuration (skipped without koffi)", () => {
  const text = readFileSync(join(ROOT, "examples/launchgate.yaml"), "utf8");
  expect(check(text)).toMatchObject({ code: 0, stderr: "" });
  const everything = text.replaceAll(
    /^( *)# ((?: {2})?(?:- path|mode|group|origin|vm|provisionkey|peers|may_claim)\b.*)$/gm,
    "$1$2",
  );
  expect(parse(everything).listeners).toHaveLength(2);
});
