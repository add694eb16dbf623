/** What suites become: enclaves, events as each origin sees them, cases with names and expectations of their own. */

import { describe, expect, test } from "vitest";
import { loadSuites } from "../../../cli/testing/load.js";
import type { LaunchEvent } from "../../../engine/index.js";
import {
  decodeEinittoken,
  decodeSecs,
  decodeSigstruct,
  encodeSecs,
  mrenclaveOf,
  mrsignerOf,
  SECS_SIZE,
  verifySignature,
} from "../../../engine/index.js";
import { makeSigstruct } from "../../support/sigstructs.js";
import { folderOf } from "../policy/folder.js";
import { casesOf, suiteOf } from "./suites.js";

const bytes = (value: Uint8Array | string | null): Uint8Array => {
  if (!(value instanceof Uint8Array)) throw new Error("expected bytes");
  return value;
};
const sigstructOf = ({ sigstruct }: LaunchEvent) => decodeSigstruct(bytes(sigstruct));

describe("enclaves", () => {
  test("are ordinary but for what is said, and signed so that the signature holds", async () => {
    const [one] = await casesOf(
      suiteOf("  - { name: a, enclave: app, origin: native, expect: allow }\n").replace(
        "app: {}",
        `app: { key: k, sigstruct: { isvprodid: 7, isvsvn: 9, vendor: 0x8086, date: 2024-08-11, mrenclave: "${"5a".repeat(32)}", attributes: "0x14:0x7", attributemask: { free: [debug, avx] }, isvextprodid: "${"07".repeat(16)}" } }`,
      ),
    );
    const event = one?.event as LaunchEvent;
    const { modulus, signature, q1, q2, ...fields } = sigstructOf(event);
    expect(fields).toMatchObject({
      isvprodid: 7,
      isvsvn: 9,
      vendor: 0x8086,
      date: 0x20240811,
      attributes: { flags: 0x14n, xfrm: 7n },
      attributemask: { flags: 0xffff_ffff_ffff_fffdn, xfrm: 0xffff_ffff_ffff_fffbn },
      miscmask: 0xffff_ffff,
    });
    expect(mrenclaveOf(fields)).toBe("5a".repeat(32));
    expect(verifySignature(bytes(event.sigstruct))).toEqual({ signature_valid: true, q1_valid: true, q2_valid: true });
    expect(one).toMatchObject({ enclave: "app", signatureCheck: "always" });
    expect(one?.key).not.toBeNull();
  });

  test("take over what they extend; a key of one name is one key, in every suite", async () => {
    const suite = (name: string) =>
      `version: 1\nsuite: ${name}\nenclaves:\n  a: { key: k, sigstruct: { isvprodid: 3, isvsvn: 2 } }\n  b: { extends: a, sigstruct: { isvsvn: 1 } }\n  c: { key: other }\ncases:\n  - { name: x, enclave: [a, b, c], origin: native, expect: allow }\n`;
    const { cases } = await loadSuites(folderOf({ "one_test.yaml": suite("one"), "two_test.yml": suite("two") }));
    const found = cases.map(({ suite: of, name, event }) => {
      const { modulus, isvprodid, isvsvn, enclavehash } = sigstructOf(event);
      return { of, name, isvprodid, isvsvn, signer: mrsignerOf(modulus), hash: mrenclaveOf({ enclavehash }) };
    });
    expect(found.map(({ of, name, isvprodid, isvsvn }) => [of, name, isvprodid, isvsvn])).toEqual(
      ["one", "two"].flatMap((of) => [
        [of, "x [a]", 3, 2],
        [of, "x [b]", 3, 1],
        [of, "x [c]", 1, 1],
      ]),
    );
    const [a, b, c, again] = found;
    expect(a?.signer).toBe(b?.signer);
    expect(a?.hash).toBe(b?.hash);
    expect(c?.signer).not.toBe(a?.signer);
    expect(c?.hash).not.toBe(a?.hash);
    expect(again?.signer).toBe(a?.signer);
  });

  test("come from files: as they are, changed without their key, or signed anew", async () => {
    const hexText = Buffer.from(makeSigstruct({}, "theirs")).toString("hex");
    const suite = `version: 1\nenclaves:\n  real: { file: enclave.sig }\n  newer: { extends: real, sigstruct: { isvsvn: 5 } }\n  ours: { extends: real, key: k }\n  broken: { extends: ours, signature: invalid }\ncases:\n  - { name: x, enclave: [real, newer, ours, broken], origin: native, expect: allow }\n`;
    const cases = await casesOf(suite, { "enclave.sig": hexText });
    expect(
      cases.map(({ name, event, signatureCheck, key }) => ({
        name,
        signatureCheck,
        key: key !== null,
        valid: verifySignature(bytes(event.sigstruct)).signature_valid,
        isvsvn: sigstructOf(event).isvsvn,
      })),
    ).toEqual([
      { name: "x [real]", signatureCheck: "always", key: false, valid: true, isvsvn: 1 },
      { name: "x [newer]", signatureCheck: "never", key: false, valid: false, isvsvn: 5 },
      { name: "x [ours]", signatureCheck: "always", key: true, valid: true, isvsvn: 1 },
      { name: "x [broken]", signatureCheck: "always", key: false, valid: false, isvsvn: 1 },
    ]);
  });
});

describe("events", () => {
  const one = async (fields: string) => {
    const cases = await casesOf(suiteOf(`  - { name: a, enclave: app, ${fields} }\n`));
    return cases.map(({ name, event: { sigstruct: _, ...event } }) => ({ name, ...event }));
  };
  const ordinary = {
    v: 1,
    hook: "enclave_init",
    id: null,
    time: 1_767_225_600,
    origin: { kind: "native", enforcement: "none", process: null, vm: null, guest: null },
    platform: { flc: null, lepubkeyhash: null },
    grants: { provisionkey: { granted: false, how: null } },
    token: null,
    secs: null,
    deadline_ms: null,
    synthetic: true,
  };

  test("are native and guest at once where nothing else is said, at a time that stays the same", async () => {
    expect(await one("expect: allow")).toEqual([
      { ...ordinary, name: "a [native]" },
      { ...ordinary, name: "a [kvm]", origin: { ...ordinary.origin, kind: "kvm" } },
    ]);
  });

  test("hold what the case says of who asks, the platform, the grants and the time", async () => {
    const said = `origin: native, enforcement: kernel, process: { uid: 7 }, flc: true, lepubkeyhash: "${"AB".repeat(32)}", grants: [provisionkey], time: "2026-11-22T12:00:00+01:00", expect: allow`;
    expect(await one(said)).toEqual([
      {
        ...ordinary,
        name: "a",
        time: Date.parse("2026-11-22T11:00:00Z") / 1000,
        origin: {
          ...ordinary.origin,
          enforcement: "kernel",
          process: { pid: null, tid: null, uid: 7, gid: null, comm: null, exe: null, cgroup: null },
        },
        platform: { flc: true, lepubkeyhash: "ab".repeat(32) },
        grants: { provisionkey: { granted: true, how: "config" } },
      },
    ]);
  });

  test("show each origin what such a source sees: the host of a guest sees no SECS, a host's launch has no VM", async () => {
    const events = await one(
      'origin: [native, kvm], vm: web, attributes: [mode64bit, debug], allowed: "0x6:0x3", expect: allow',
    );
    const allowed = { flags: "0x0000000000000006", xfrm: "0x0000000000000003" };
    expect(
      events.map(({ origin, secs }) => [
        origin.kind,
        origin.vm,
        secs?.attributes.flags,
        secs?.attributes_known.flags,
        secs?.attributes_allowed,
      ]),
    ).toEqual([
      ["native", null, "0x0000000000000006", "0xffffffffffffffff", allowed],
      ["kvm", { id: "web", name: null }, "0x0000000000000000", "0x0000000000000000", allowed],
    ]);
  });

  test.each([
    ["vm: web, expect: allow", ["kvm"]],
    ["guest: { uid: 0 }, expect: allow", ["kvm"]],
    ["token: {}, expect: allow", ["kvm"]],
    ["attributes: [mode64bit], expect: allow", ["native"]],
    ["secs: { size: 0x10000 }, expect: allow", ["native"]],
    ["expect: { kvm: deny, file: allow }", ["kvm", "file"]],
    ["origin: [guest-agent], vm: v, expect: allow", ["guest-agent"]],
  ])("of %s come from %j", async (fields, kinds) => {
    expect((await one(fields)).map(({ origin }) => origin.kind)).toEqual(kinds);
  });

  test("have a token that fits the enclave but for what is said, and the SECS of a file", async () => {
    const secs = encodeSecs({
      ...decodeSecs(new Uint8Array(SECS_SIZE)),
      size: 0x10000n,
      attributes: { flags: 4n, xfrm: 3n },
      configsvn: 9,
    });
    const [event] = await casesOf(
      suiteOf(
        "  - { name: a, enclave: app, origin: native, token: { isvsvnle: 4 }, secs: { file: a.secs }, expect: allow }\n",
      ),
      { "a.secs": Buffer.from(secs).toString("hex") },
    ).then((cases) => cases.map((one) => one.event));
    const token = decodeEinittoken(bytes(event?.token ?? null));
    const sigstruct = sigstructOf(event as LaunchEvent);
    expect(token).toMatchObject({ valid: 1, isvsvnle: 4, attributes: sigstruct.attributes });
    expect(Buffer.from(token.mrenclave).toString("hex")).toBe(mrenclaveOf(sigstruct));
    expect(Buffer.from(token.mrsigner).toString("hex")).toBe(mrsignerOf(sigstruct.modulus));
    expect(event?.secs).toMatchObject({ size: "0x0000000000010000", configsvn: 9, miscselect: "0x00000000" });
  });

  test("of the other hooks have what those hooks have", async () => {
    const cases = await casesOf(
      suiteOf(
        "  - { name: c, hook: enclave_create, origin: native, attributes: [mode64bit, x87, sse], expect: deny }\n" +
          "  - { name: p, hook: enclave_provision, origin: native, expect: deny }\n" +
          "  - { name: e, hook: vm_epc, vm: v, expect: deny }\n" +
          "  - { name: v, hook: vm_provision, vm: v, expect: deny }\n",
      ),
    );
    expect(cases.map(({ event }) => [event.hook, event.sigstruct, event.origin.kind, event.secs === null])).toEqual([
      ["enclave_create", null, "native", false],
      ["enclave_provision", null, "native", true],
      ["vm_epc", null, "kvm", true],
      ["vm_provision", null, "kvm", true],
    ]);
  });
});

test("data documents name signers and measurements by placeholder; a case's come after its suite's", async () => {
  const [one] = await casesOf(
    suiteOf(
      `  - { name: a, enclave: app, origin: native, profile: open, data: { mrenclaves: { '\${mrenclave:app}': { name: '\${mrsigner:author}' } } }, expect: allow }\n`,
      `data: { signers: { '\${mrsigner:author}': { name: x } } }\n`,
    ),
  );
  const { modulus, enclavehash } = sigstructOf(one?.event as LaunchEvent);
  const signer = mrsignerOf(modulus);
  expect(one?.documents).toEqual([
    { version: 1, signers: { [signer]: { name: "x" } } },
    { version: 1, profile: "open" },
    { version: 1, mrenclaves: { [mrenclaveOf({ enclavehash })]: { name: signer } } },
  ]);
});

test("expectations are sets of codes, one for each origin where they differ", async () => {
  const cases = await casesOf(
    suiteOf(
      "  - { name: a, enclave: app, expect: { native: { decision: allow, warnings: [] }, kvm: { deny: [b, a] } } }\n" +
        "  - { name: b, enclave: app, origin: file, expect: { decision: deny, includes: [x] } }\n",
    ),
  );
  expect(cases.map(({ name, line, expect: expected }) => [name, line, expected])).toEqual([
    ["a [native]", 6, { decision: "allow", warnings: [] }],
    ["a [kvm]", 6, { decision: "deny", reasons: ["b", "a"] }],
    ["b", 7, { decision: "deny", includes: ["x"] }],
  ]);
});

test("a folder without suites has no cases", async () => {
  expect(await loadSuites(folderOf({ "data.yaml": "a: 1\n" }))).toEqual({ files: [], cases: [] });
});
