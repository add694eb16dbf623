/** `launchgate vet`, run as signers run it. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { elf, genData, sdkBlock, sdkNote } from "../support/carriers.js";
import { launchgate, MAIN, ROOT, type RunOptions, run } from "../support/cli.js";
import { VETTED_AT } from "../support/signing-cases.js";
import { makeSigstruct, testSigner } from "../support/sigstructs.js";
import { decisionRego, emptyFolder, folderOf } from "./policy/folder.js";

const ALL = 0xffff_ffff_ffff_ffffn;
const DEBUG_FREE = { flags: ALL & ~2n, xfrm: ALL };
const release = makeSigstruct();
const VERSION = String(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);
const TIME = new Date(VETTED_AT * 1000).toISOString();

const FOLDER = folderOf({
  nothing: "not an enclave\n",
  "listed.yaml": `version: 1\nsigners:\n  ${testSigner()}: { name: us }\n`,
  "lax.yaml": "version: 1\nsigning: { rules: { debug_launchable: warn } }\n",
  "ignoring.yaml": "version: 1\nsigning: { rules: { debug_launchable: ignore } }\n",
  "lowered.yaml": "version: 1\nsigning: { rules: { signature_invalid: warn } }\n",
  "excepting.yaml": `version: 1
exceptions:
  used: { rule: debug_launchable, match: { mrsigner: ${testSigner()} }, reason: field test, expires: 2030-01-01T00:00:00Z }
  gone: { rule: isvsvn_zero, match: { isvprodid: 1 }, reason: first release, expires: 2026-01-01T00:00:00Z }
`,
});
const FILES: Readonly<Record<string, Uint8Array>> = {
  release,
  debug: makeSigstruct({ attributemask: DEBUG_FREE }),
  young: makeSigstruct({ isvsvn: 0, attributemask: DEBUG_FREE }),
  forged: release.with(40, 1),
  next: makeSigstruct({ isvsvn: 2, enclavehash: new Uint8Array(32).fill(0xbb) }),
  short: release.subarray(1),
  "build/a/enclave": release,
  "build/b/enclave": makeSigstruct({ isvprodid: 2 }),
  "old/a/enclave": makeSigstruct({ isvsvn: 2 }),
  "old/release": makeSigstruct({ isvsvn: 5 }),
};

beforeAll(() => {
  for (const folder of ["build/a", "build/b", "old/a", "empty"]) mkdirSync(join(FOLDER, folder), { recursive: true });
  for (const [name, bytes] of Object.entries(FILES)) writeFileSync(join(FOLDER, name), bytes);
});

const vet = (args: readonly string[], options: RunOptions = {}) =>
  launchgate(["vet", "--time", TIME, ...args], { cwd: FOLDER, ...options });

interface Reason {
  readonly code: string;
}
interface Enclave {
  readonly name?: string;
  readonly file: string;
  readonly verdict: string;
  readonly error?: string;
  readonly deny?: readonly Reason[];
  readonly warn?: readonly Reason[];
  readonly notes?: readonly Reason[];
}

function document(args: readonly string[], options?: RunOptions) {
  const { code, stdout, stderr } = vet([...args, "--format", "json"], options);
  expect(stderr).toBe("");
  return { code, ...JSON.parse(stdout) };
}

/** Verdict, then codes: `-` denies, `~` warns, `.` is noted. */
const said = ({ name, file, verdict, deny = [], warn = [], notes = [] }: Enclave) =>
  [
    name ?? file,
    verdict,
    ...deny.map(({ code }) => `-${code}`),
    ...warn.map(({ code }) => `~${code}`),
    ...notes.map(({ code }) => `.${code}`),
  ].join(" ");

const saidOf = (args: readonly string[]) => {
  const { code, enclaves } = document(args);
  return [code, ...enclaves.map(said)];
};

describe("the exit code", () => {
  test.each<[string, readonly string[], readonly (number | string)[]]>([
    ["0 where all pass", ["release", "next"], [0, "release pass", "next pass"]],
    ["0 where something is warned of", ["debug", "--data", "lax.yaml"], [0, "debug warn ~debug_launchable"]],
    ["2 where one fails", ["release", "forged"], [2, "release pass", "forged fail -signature_invalid"]],
    ["1 where one cannot be judged", ["release", "nothing"], [1, "release pass", "nothing error"]],
    ["1 where one is not there", ["release", "nowhere"], [1, "release pass", "nowhere error"]],
    ["1 where a SIGSTRUCT is cut short", ["short"], [1, "short error"]],
    [
      "2 where one fails and another cannot be judged",
      ["nothing", "debug"],
      [2, "nothing error", "debug fail -debug_launchable"],
    ],
  ])("is %s", (_, args, expected) => {
    expect(saidOf(args)).toEqual(expected);
  });

  test.each<[string, readonly string[], number, RegExp]>([
    ["nothing to vet", [], 1, /nothing to vet: name a file or folder/],
    ["an empty folder", ["empty"], 1, /empty holds no file/],
    ["a day that is none", ["release", "--time", "2026-02-31T00:00:00Z"], 1, /--time is .* expected RFC 3339/],
    ["data that is not there", ["release", "--data", "nowhere.yaml"], 1, /cannot read nowhere\.yaml/],
    ["data that the schema refuses", ["release", "--data", "lowered.yaml"], 3, /signature_invalid must be "deny"/],
    ["files beside --rules", ["release", "--rules"], 1, /leave the files out/],
    ["the rules in a format that is for enclaves", ["--rules", "--format", "junit"], 1, /prints text, json, markdown/],
    ["a fleet required and none named", ["release", "--require-launch", "kvm"], 1, /name one with --fleet/],
    ["an origin that is none", ["release", "--require-launch", "moon"], 1, /expected native or kvm/],
    ["a policy that is not there", ["release", "--policy", "nowhere"], 1, /no such policy folder or bundle/],
    ["a policy that is no bundle", ["release", "--policy", "nothing"], 3, /./],
  ])("with nothing on stdout for %s", (_, args, exit, message) => {
    const { code, stdout, stderr } = vet(args);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).toMatch(message);
  });
});

describe("what is vetted", () => {
  test("is every file of a folder, however deep, each once", () => {
    expect(saidOf(["build", "build/a/enclave"])).toEqual([0, "build/a/enclave pass", "build/b/enclave pass"]);
  });

  test("comes from stdin too", () => {
    const { code, enclaves } = document(["-"], { input: release });
    expect([code, ...enclaves.map(said)]).toEqual([0, "- pass"]);
  });
});

describe("--baseline", () => {
  test.each<[string, readonly string[], readonly (number | string)[]]>([
    ["a file, for a file", ["next", "--baseline", "release"], [0, "next pass"]],
    ["a file of a later release", ["release", "--baseline", "next"], [2, "release fail -isvsvn_decreased"]],
    ["a folder, by name", ["release", "--baseline", "old"], [2, "release fail -isvsvn_decreased"]],
    [
      "a folder, by path, with a new enclave",
      ["build", "--baseline", "old"],
      [2, "build/a/enclave fail -isvsvn_decreased", "build/b/enclave pass .baseline_missing"],
    ],
    ["the same enclave again", ["release", "--baseline", "release"], [0, "release pass"]],
    ["what was changed after signing", ["release", "--baseline", "forged"], [2, "release fail -baseline_invalid"]],
  ])("is %s", (_, args, expected) => {
    expect(saidOf(args)).toEqual(expected);
  });

  test.each<[string, readonly string[], RegExp]>([
    ["one file for two", ["release", "next", "--baseline", "old/release"], /one file for 2: name a folder/],
    ["what is not there", ["release", "--baseline", "nowhere"], /cannot read nowhere: there is no such file/],
    ["what is no enclave", ["release", "--baseline", "nothing"], /nothing: no structure found in 15 bytes/],
  ])("is not %s", (_, args, message) => {
    const { code, stdout, stderr } = vet(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
  });
});

describe("carriers", () => {
  const NOTE = ".note.sgxmeta";
  const metadata = (...sigstructs: readonly Uint8Array[]) =>
    elf(64, [{ name: NOTE, content: sdkNote(sigstructs.map((one) => sdkBlock(one))) }]);
  const two = metadata(release, FILES["debug"] as Uint8Array);
  const [first, second] = [0, 1952].map((block) => `two.so@${(two.at[NOTE] ?? 0) + 89 + block}`) as [string, string];
  const carriers: Readonly<Record<string, Uint8Array>> = {
    "two.so": two.bytes,
    "same.so": metadata(release, release).bytes,
    material: genData(release),
    "young.material": genData(makeSigstruct({ isvsvn: 0 })),
    "earlier/two.so": metadata(FILES["next"] as Uint8Array, release).bytes,
    "moved/two.so": elf(64, [
      { name: ".text", content: new Uint8Array(64) },
      { name: NOTE, content: sdkNote([sdkBlock(release)]) },
    ]).bytes,
  };

  beforeAll(() => {
    for (const folder of ["earlier", "moved"]) mkdirSync(join(FOLDER, folder), { recursive: true });
    for (const [name, bytes] of Object.entries(carriers)) writeFileSync(join(FOLDER, name), bytes);
  });

  test.each<[string, readonly string[], readonly (number | string)[]]>([
    [
      "an ELF with two metadata blocks is two enclaves, each with its offset",
      ["two.so"],
      [2, `${first} pass`, `${second} fail -debug_launchable`],
    ],
    ["two blocks of one SIGSTRUCT are one enclave", ["same.so"], [0, "same.so pass"]],
    ["FILE@OFFSET is the one of them that is vetted", [first], [0, `${first} pass`]],
    ["FILE@OFFSET is the other as well", [second], [2, `${second} fail -debug_launchable`]],
    ["FILE@OFFSET where nothing lies cannot be judged", ["two.so@7"], [1, "two.so@7 error"]],
    [
      "material that is yet to be signed is judged by what it says, and said to be unsigned",
      ["material", "young.material"],
      [0, "material warn ~not_signed", "young.material warn ~isvsvn_zero ~not_signed"],
    ],
    ["a signed enclave is compared with its material", ["next", "--baseline", "material"], [0, "next pass"]],
    [
      "each of two is compared with the one in its place",
      ["two.so", "--baseline", "earlier"],
      [2, `${first} fail -isvsvn_decreased`, `${second} fail -debug_launchable -mask_weakened`],
    ],
    [
      "FILE@OFFSET is compared with the one at that offset of the file's earlier release",
      [second, "--baseline", "earlier"],
      [2, `${second} fail -debug_launchable -mask_weakened`],
    ],
    [
      "FILE@OFFSET whose earlier release has nothing there cannot be judged, and is not taken for new",
      [first, "--baseline", "moved"],
      [1, `${first} error`],
    ],
    ["two and one cannot be told apart", ["two.so", "--baseline", "release"], [1, "two.so error"]],
  ])("%s", (_, args, expected) => {
    expect(saidOf(args)).toEqual(expected);
  });

  test("are named with where in them the enclave lies", () => {
    const { enclaves } = document(["two.so", "material"]);
    const places = enclaves.map(({ file, carrier, offset, signed, mrsigner }: Record<string, unknown>) => [
      ...[file, carrier, offset, signed, mrsigner],
    ]);
    const at = (two.at[NOTE] ?? 0) + 89;
    expect(places).toEqual([
      ["two.so", "Intel SDK signed ELF", at, true, testSigner()],
      ["two.so", "Intel SDK signed ELF", at + 1952, true, testSigner()],
      ["material", "sgx_sign gendata material", 0, false, null],
    ]);
  });
});

describe("the document", () => {
  test("says all of it", () => {
    const { code, ...found } = document(["young", "--data", "excepting.yaml", "--baseline", "old"]);
    expect(code).toBe(0);
    expect(found).toEqual({
      version: 1,
      passed: true,
      counts: { enclaves: 1, pass: 0, warn: 1, fail: 0, error: 0 },
      exceptions: { used: 1, expired: 1 },
      enclaves: [
        {
          file: "young",
          name: "young",
          offset: 0,
          carrier: expect.any(String),
          signed: true,
          mrsigner: testSigner(),
          mrenclave: "aa".repeat(32),
          isvprodid: 1,
          isvsvn: 0,
          verdict: "warn",
          deny: [],
          warn: [{ code: "isvsvn_zero", message: "ISVSVN is 0, as signing tools leave it" }],
          notes: [{ code: "baseline_missing", message: expect.any(String) }],
          exceptions: [
            { exception: "gone", rule: "isvsvn_zero", state: "expired", message: expect.stringContaining("expired") },
            {
              exception: "used",
              rule: "debug_launchable",
              state: "used",
              message: expect.stringContaining("field test"),
            },
          ],
          baseline: null,
          fleets: [],
        },
      ],
      policies: [
        { name: "launchgate-signing", sha256: expect.stringMatching(/^[0-9a-f]{64}$/), revision: expect.any(String) },
      ],
      fleets: [],
    });
  });

  test("says what is ignored", () => {
    expect(saidOf(["debug", "--data", "ignoring.yaml"])).toEqual([0, "debug pass .rule_ignored"]);
  });
});

const TEXT_OF_YOUNG = `  fail   young
         isvsvn_decreased  ISVSVN was 1, is 0
           why  The new release cannot unseal what the old one sealed, and counts as older: hosts with a minimum refuse it.
           fix  sign with an ISVSVN of at least the baseline's
         mask_weakened  no longer enforced: debug
           why  Bits that the last release enforced are now the launcher's to choose.
           fix  sign with the masks of the baseline
         isvsvn_zero  warning: ISVSVN is 0, as signing tools leave it
           why  ISVSVN tells a build with a fix from one without. Sealed data and verifiers that ask for a minimum have nothing to go by where it is never raised, and no policy can ask for less than 0.
           fix  start at 1, and raise ISVSVN with each release that fixes a vulnerability
         isvsvn_zero  note: exception gone for isvsvn_zero has expired
           why  ISVSVN tells a build with a fix from one without. Sealed data and verifiers that ask for a minimum have nothing to go by where it is never raised, and no policy can ask for less than 0.
           fix  remove the exception, or renew it by moving expires
         debug_launchable  exception used lifts debug_launchable: field test
           why  With DEBUG=1 the enclave's memory is open to whoever runs it, and the keys are other ones. Signing tools leave DEBUG out of the mask unless told otherwise, and then every launcher chooses for itself.
           fix  remove the cause of the denial before the exception expires
         isvsvn               1                   →  0                   weaker
         attributemask.flags  0xffffffffffffffff  →  0xfffffffffffffffd  weaker`;

describe("the text", () => {
  test("names the enclave, what was found and what to do", () => {
    const { code, stdout, stderr } = vet(["release", "debug", "nothing"]);
    const steady = stdout.replace(/sha256:[0-9a-f]{64}$/m, "sha256:<hash>").replace(/\(\d+ ms\)$/m, "(<n> ms)");
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    expect(steady).toBe(
      `launchgate vet  2 enclaves against signing policy launchgate-signing

  pass   release
  fail   debug
         debug_launchable  measurement ${"aa".repeat(32)} can be launched with DEBUG=1: ATTRIBUTEMASK leaves the bit free
           why  With DEBUG=1 the enclave's memory is open to whoever runs it, and the keys are other ones. Signing tools leave DEBUG out of the mask unless told otherwise, and then every launcher chooses for itself.
           fix  sign with DEBUG in ATTRIBUTEMASK and not in ATTRIBUTES (Intel's sgx_sign: DisableDebug 1; Gramine: sgx.debug false)
         carrier    SIGSTRUCT
         offset     0
         mrenclave  ${"aa".repeat(32)}
         mrsigner   ${testSigner()}
         isvprodid  1
         isvsvn     1
         date       20260115
         signature  valid
         debug      unknown
  error  nothing
         unreadable  no structure found in 15 bytes, expected a SIGSTRUCT (1808 bytes), an EINITTOKEN (304, or 1024 as launch token), a SECS (4096), signing material (256), hex or base64 of these, a signed ELF or PE enclave, or an SGXS stream

  policy  launchgate-signing ${VERSION} sha256:<hash>

error  3 cases: 1 cannot be judged, 1 fail, 1 pass (<n> ms)
`,
    );
  });

  test("compares with the earlier release field by field, and counts exceptions apart", () => {
    const { code, stdout } = vet(["young", "--data", "excepting.yaml", "--baseline", "release"]);
    expect(code).toBe(2);
    const lines = stdout.split("\n");
    const from = lines.indexOf("  fail   young");
    expect(
      lines
        .slice(
          from,
          lines.findIndex((line) => line.startsWith("         carrier ")),
        )
        .join("\n"),
    ).toBe(TEXT_OF_YOUNG);
    expect(stdout).toMatch(/^fail {3}1 case: 1 fail; exceptions: 1 used, 1 expired \(\d+ ms\)$/m);
  });

  test("lets no escape of a file's name or a policy's message through", () => {
    const folder = folderOf({
      "signing/ours.rego": `package signing.custom\n\ndeny contains "\\u001b[2Jgone\\nallow"\n`,
    });
    const name = "\u001b[31mred";
    writeFileSync(join(FOLDER, name), release);
    const { code, stdout } = vet([name, "nowhere\u001b[0m", "--policy", folder]);
    expect([code, stdout.includes("\u001b"), stdout.includes("\nallow")]).toEqual([2, false, false]);
  });
});

describe("--fleet", () => {
  const host = folderOf({
    "launch/decision.rego": `package launch

import data.launch.standard

# METADATA
# entrypoint: true
decision := standard.answer
`,
    "launchgate/data.yaml": `version: 1\nsigners:\n  ${testSigner()}: { name: us, provisionkey: true }\n`,
  });
  const bundle = join(emptyFolder(), "host.tar.gz");
  const prepared = join(emptyFolder(), "provisioning");

  beforeAll(() => {
    expect(launchgate(["build", host, "-o", bundle, "--name", "site"]).code).toBe(0);
    writeFileSync(prepared, makeSigstruct({ attributes: { flags: 0x14n, xfrm: 3n } }));
  });

  const cell = (answer: { decision: string; reasons: readonly Reason[] }) =>
    [answer.decision, ...answer.reasons.map(({ code }) => code)].join(" ");
  const matrix = (args: readonly string[]) => {
    const { code, enclaves } = document(args);
    const rows = enclaves.map(({ name, fleets }: { name: string; fleets: readonly never[] }) => [
      name,
      ...fleets.map(({ fleet, native, kvm }) => [fleet, cell(native), cell(kvm)]),
    ]);
    return [code, ...rows];
  };

  test("asks natively as signed, and as a guest's by what the mask pins", () => {
    expect(
      matrix(["release", "debug", "--fleet", bundle, "--fleet", `lab=${join(ROOT, "dist/policy.tar.gz")}`]),
    ).toEqual([
      2,
      ["release", ["site", "allow", "allow"], ["lab", "deny signer_not_listed", "deny signer_not_listed"]],
      [
        "debug",
        ["site", "allow", "deny debug_unknown"],
        ["lab", "deny signer_not_listed", "deny debug_unknown signer_not_listed"],
      ],
    ]);
  });

  test("changes no verdict by itself, and fails what is required to launch", () => {
    const asked = ["debug", "--data", "ignoring.yaml", "--fleet", bundle];
    expect(saidOf(asked)).toEqual([0, "debug pass .rule_ignored"]);
    expect(saidOf([...asked, "--require-launch", "native"])).toEqual([0, "debug pass .rule_ignored"]);
    expect(saidOf([...asked, "--require-launch", "native", "--require-launch", "kvm"])).toEqual([
      2,
      "debug fail -fleet_denied .rule_ignored",
    ]);
  });

  test("asks for what is granted where the enclave wants PROVISIONKEY", () => {
    expect(matrix([prepared, "--fleet", bundle])).toEqual([2, [prepared, ["site", "allow", "allow"]]]);
  });

  test("takes a folder, and prints a matrix", () => {
    const { stdout } = vet(["debug", "--fleet", `prod=${host}`]);
    expect(stdout).toContain(`
Would it launch there?
         prod native  prod kvm
  debug  ✓ allow      ✕ deny

  debug × prod kvm
    debug_unknown: the enclave may run with DEBUG=1: nothing pins the bit
`);
  });

  test.each<[string, readonly string[], number, RegExp]>([
    ["two of one name", ["--fleet", bundle, "--fleet", bundle], 1, /two fleets are called site/],
    ["what is not there", ["--fleet", "prod=nowhere"], 1, /no such policy folder or bundle/],
    ["what is no bundle", ["--fleet", "nothing"], 3, /bundle/],
  ])("is not %s", (_, args, exit, message) => {
    const { code, stdout, stderr } = vet(["release", ...args]);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
    expect(stderr).toMatch(message);
  });

  test("is not a policy that says nothing of launches", () => {
    const folder = folderOf({ "launchgate/data.yaml": "version: 1\nsigning: {}\n" });
    const { code, stderr } = vet(["release", "--fleet", folder]);
    expect([code, stderr]).toEqual([3, expect.stringMatching(/has no launch\/decision/)]);
  });
});

describe("--policy", () => {
  const CUSTOM = `package signing.custom

# METADATA
# title: Product 1 is retired
# description: Nobody looks after it.
# custom:
#   code: product_retired
#   fix: ship product 2
deny contains {"code": "product_retired", "message": "product 1 is retired"} if input.enclave.isvprodid == 1

warn contains "say so"

violation contains {"msg": "never", "code": "never"} if input.enclave.isvsvn == 5
`;
  const custom = folderOf({
    "signing/ours.rego": CUSTOM,
    "launchgate/data.yaml": "version: 1\nsigning: { rules: { product_retired: warn } }\n",
  });
  const own = folderOf({
    "signing/decision.rego": `package signing

# METADATA
# entrypoint: true
decision := {"allow": count(deny) == 0, "deny": deny, "warn": []}

deny contains {"code": "unsigned", "message": "not signed"} if input.sigstruct.signature != "valid"
`,
  });
  const launch = folderOf({
    "launch/decision.rego": decisionRego("deny := []"),
    "launchgate/data.yaml": `version: 1\nexceptions:\n  x: { rule: debug_launchable, match: { isvprodid: 1 }, reason: r, expires: 2030-01-01T00:00:00Z }\n`,
  });
  const dataOnly = folderOf({ "launchgate/data.yaml": "version: 1\nsigning: { min_isvsvn: 2 }\n" });
  const built = (dir: string) => {
    const output = join(emptyFolder(), "policy.tar.gz");
    const { code, stderr } = launchgate(["build", dir, "-o", output]);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/compiled by OPA/)]);
    return { output, entrypoints: /entrypoints (.*), compiled/.exec(stderr)?.[1] };
  };

  test("adds rules of one's own to the shipped ones, folder and bundle alike", () => {
    expect(launchgate(["check", custom])).toMatchObject({ code: 0, stdout: "" });
    const { output, entrypoints } = built(custom);
    expect(entrypoints).toBe("signing/decision");
    for (const policy of [custom, output]) {
      expect(saidOf(["release", "debug", "old/release", "--policy", policy])).toEqual([
        2,
        "release warn ~custom ~product_retired",
        "debug fail -debug_launchable ~custom ~product_retired",
        "old/release fail -never ~custom ~product_retired",
      ]);
    }
    const rules = JSON.parse(vet(["--rules", "--format", "json", "--policy", output]).stdout);
    expect(rules.find((rule: Reason) => rule.code === "product_retired")).toEqual({
      code: "product_retired",
      level: "warn",
      title: "Product 1 is retired",
      why: "Nobody looks after it.",
      fix: "ship product 2",
    });
  });

  test("may replace the whole", () => {
    expect(launchgate(["check", own])).toMatchObject({ code: 0, stdout: "" });
    expect(saidOf(["debug", "forged", "--policy", own])).toEqual([2, "debug pass", "forged fail -unsigned"]);
  });

  test("is the shipped rules over a folder's data, where it says nothing of signing", () => {
    expect(document(["debug", "--policy", launch])).toMatchObject({ code: 0, exceptions: { used: 1, expired: 0 } });
    expect(built(launch).entrypoints).toBe("launch/decision");
  });

  test("is a folder with nothing but data", () => {
    for (const policy of [dataOnly, built(dataOnly).output])
      expect(saidOf(["release", "next", "--policy", policy])).toEqual([
        2,
        "release fail -isvsvn_below_minimum",
        "next pass",
      ]);
  });

  test("must each pass it", () => {
    expect(saidOf(["release", "--policy", own, "--policy", dataOnly])).toEqual([
      2,
      "release fail -isvsvn_below_minimum",
    ]);
  });

  test("serves hosts as well, from one bundle", () => {
    const folder = folderOf({
      "launch/decision.rego": decisionRego("allow := true\n\ndeny := []"),
      "launchgate/data.yaml": "version: 1\nsigning: {}\n",
    });
    const { output, entrypoints } = built(folder);
    expect(entrypoints).toBe("launch/decision, signing/decision");
    expect(saidOf(["release", "--policy", output])).toEqual([0, "release pass"]);
    expect(launchgate(["eval", "--sigstruct", "release", "--policy", output], { cwd: FOLDER }).code).toBe(0);
  });

  test("takes the signing decision from --data too", () => {
    const output = join(emptyFolder(), "policy.tar.gz");
    const args = ["build", launch, "-o", output, "--data", join(dataOnly, "launchgate/data.yaml")];
    expect(launchgate(args).stderr).toMatch(/entrypoints launch\/decision, signing\/decision/);
  });

  test("is refused where a bundle has no signing decision, with advice", () => {
    const { code, stdout, stderr } = vet(["release", "--policy", join(ROOT, "dist/policy.tar.gz")]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(
      /has no signing\/decision: build it from a folder whose launchgate\/data\.yaml has the key signing/,
    );
  });

  test("is refused where it replaces the signing policy and answers nothing", () => {
    const folder = folderOf({ "signing/x.rego": "package signing\n\nmine := 1\n" });
    const { code, stderr } = vet(["release", "--policy", folder]);
    expect([code, stderr]).toEqual([3, expect.stringMatching(/put rules of your own into signing\.custom/)]);
  });

  test.each<[string, string, RegExp]>([
    ["a misspelt field", "deny contains 1 if input.enclave.isvsn == 1", /isvsn does not exist; did you mean isvsvn/],
    ["a fact of launches", 'deny contains 1 if input.origin.kind == "kvm"', /input\.origin does not exist/],
    [
      "a word that never stands there",
      'deny contains 1 if input.sigstruct.signature == "unchecked"',
      /never "unchecked"/,
    ],
    ["a misspelt configuration", "deny contains 1 if data.launchgate.signing.rule.x", /rule does not exist/],
    ["a complete rule where a set stands", 'deny := ["no"]', /conflicting rules data\.signing\.custom\.deny/],
  ])("is checked against what signers are shown: %s", (_, rule, finding) => {
    const folder = folderOf({ "signing/ours.rego": `package signing.custom\n\n${rule}\n` });
    const { code, stdout } = launchgate(["check", folder]);
    expect([code, stdout]).toEqual([3, expect.stringMatching(finding)]);
  });

  test.each<[string, string, string]>([
    ["undefined", "decision := 1 if input.time < 0", "policy_undefined"],
    ["no answer", "decision := true", "policy_result"],
    ["silent", 'decision := {"allow": false, "deny": [], "warn": []}', "not_allowed"],
  ])("that is %s fails what it is asked", (_, decision, expected) => {
    const folder = folderOf({ "signing/d.rego": `package signing\n\n# METADATA\n# entrypoint: true\n${decision}\n` });
    expect(saidOf(["release", "--policy", folder])).toEqual([2, `release fail -${expected}`]);
  });
});

describe("--rules", () => {
  test("prints the table as text, JSON and Markdown", () => {
    const [text, json, markdown] = (["text", "json", "markdown"] as const).map((format) => {
      const { code, stdout, stderr } = vet(["--rules", "--format", format]);
      expect([code, stderr]).toEqual([0, ""]);
      return stdout;
    });
    const rules: readonly Reason[] = JSON.parse(json ?? "");
    expect(rules.length).toBeGreaterThan(40);
    for (const { code } of rules) {
      expect(text).toContain(`${code} (`);
      expect(markdown).toContain(`\n| \`${code}\` | `);
    }
    expect(
      new Set(
        markdown
          ?.trim()
          .split("\n")
          .map((line) => line.split(" | ").length),
      ),
    ).toEqual(new Set([5]));
  });

  test("says what the data document makes of the levels", () => {
    const level = (args: readonly string[]) =>
      JSON.parse(vet(["--rules", "--format", "json", ...args]).stdout).find(
        ({ code }: Reason) => code === "debug_launchable",
      ).level;
    expect([level([]), level(["--data", "lax.yaml"])]).toEqual(["deny", "warn"]);
  });
});

test("10,000 enclaves are vetted in one run within a minute", () => {
  const folder = emptyFolder();
  for (let at = 0; at < 10_000; at += 1) {
    const bytes = new Uint8Array(release);
    new DataView(bytes.buffer).setUint32(40, at, true);
    writeFileSync(join(folder, `${at}.sig`), bytes);
  }
  const started = performance.now();
  const { code, stdout } = run(process.execPath, [MAIN, "vet", folder, "--time", TIME]);
  const seconds = (performance.now() - started) / 1000;
  const lines = stdout.trim().split("\n");
  expect([code, lines[0], lines.at(-1)]).toEqual([
    2,
    "launchgate vet  10000 enclaves against signing policy launchgate-signing",
    expect.stringMatching(/^fail {3}10,000 cases: 9,999 fail, 1 pass \(/),
  ]);
  expect(seconds).toBeLessThan(60);
});

test("the package loads the signing policy only where it is asked for", () => {
  const chunks = (file: string): readonly string[] => {
    const text = readFileSync(join(ROOT, "dist", file), "utf8");
    return [...text.matchAll(/(?:from|import) "\.{1,2}\/(?:chunks\/)?([^"]+\.js)"/g)].map(
      ([, name]) => `chunks/${name}`,
    );
  };
  const loaded = new Set(["hooks/index.js"]);
  for (const file of loaded) for (const chunk of chunks(file)) loaded.add(chunk);
  const holding = [...loaded].filter((file) =>
    readFileSync(join(ROOT, "dist", file), "utf8").includes("launchgate-signing"),
  );
  expect([loaded.size > 1, holding]).toEqual([true, []]);
});
