/** The files that tests of `launchgate eval` name on its command line, generated into a folder. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeSecs } from "../../engine/index.js";
import { decodeSecs, SECS_SIZE } from "../../engine/sgx/secs.js";
import { makeSigstruct, makeToken, testSigner } from "../support/sigstructs.js";
import { emptyFolder } from "./policy/folder.js";

const ALL = 0xffff_ffff_ffff_ffffn;
const MODE64BIT = 0x4n;
const DEBUG = 0x2n;
const PROVISIONKEY = 0x10n;
const EINITTOKENKEY = 0x20n;

const attributes = (flags: bigint) => ({ flags: MODE64BIT | flags, xfrm: 0x3n });
const free = (flags: bigint) => ({ flags: ALL & ~flags, xfrm: ALL });
const pinned = (flags: bigint) => makeSigstruct({ attributes: attributes(flags), attributemask: free(0n) });

function secs(flags: bigint): Uint8Array {
  return encodeSecs({ ...decodeSecs(new Uint8Array(SECS_SIZE)), size: 0x10000n, attributes: attributes(flags) });
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  const whole = new Uint8Array(size);
  whole.set(bytes);
  return whole;
}

/** MRENCLAVE of all the SIGSTRUCTs below. */
export const MRENCLAVE = "aa".repeat(32);

/** The only launch enclave that lehash.json lists. */
export const LEPUBKEYHASH = "1e".repeat(32);

const SIGNER = testSigner();

function listing(more: object): string {
  return JSON.stringify({ version: 1, signers: { [SIGNER]: { name: "the author", ...more } } });
}

const release = pinned(0n);
const base64 = Buffer.from(release).toString("base64");

const FILES: Readonly<Record<string, string | Uint8Array>> = {
  // SIGSTRUCTs: the names say which bit is on, or free to be
  release,
  "release.hex": Buffer.from(release).toString("hex"),
  "release.base64": `${base64.replaceAll(/.{64}/g, "$&\n")}\n`,
  debug: pinned(DEBUG),
  "may-debug": makeSigstruct({ attributes: attributes(0n), attributemask: free(DEBUG) }),
  provision: pinned(PROVISIONKEY),
  einittoken: pinned(EINITTOKENKEY),
  outdated: makeSigstruct({ isvsvn: 0 }),
  forged: release.with(200, (release[200] ?? 0) ^ 1),
  short: release.subarray(1),
  empty: "",
  // tokens
  token: makeToken(),
  "token.launch": padded(makeToken(), 1024),
  "token.other": makeToken({ mrenclave: new Uint8Array(32).fill(0xbb) }),
  "token.short": makeToken().subarray(1),
  // SECS
  secs: secs(0n),
  "secs.hex": Buffer.from(secs(0n)).toString("hex"),
  "secs.debug": secs(DEBUG),
  "secs.short": secs(0n).subarray(0, 261),
  // data documents
  "listed.json": listing({ products: { 1: { min_isvsvn: 1 } } }),
  "listed.yaml": `version: 1\nsigners:\n  ${SIGNER}:\n    name: the author\n    products: { "1": { min_isvsvn: 1 } }\n`,
  "renamed.json": listing({ name: "somebody else" }),
  "debug.json": listing({ debug: true }),
  "provision.json": listing({ provisionkey: true }),
  "revoked.yaml": `version: 1\nrevoked:\n  mrenclaves:\n    ${MRENCLAVE}: { reason: leaks }\n`,
  "lehash.json": JSON.stringify({ version: 1, lepubkeyhashes: { [LEPUBKEYHASH]: { name: "our launch enclave" } } }),
  "nokvm.yaml": "version: 1\norigins: { kvm: { enabled: false } }\n",
  "lab.yaml": 'version: 1\nvms: { "lab-1": { debug: true, enabled: false } }\n',
  "window.json": listing({ not_before: "2026-01-01T00:00:00Z", not_after: "2026-12-31T23:59:59+01:00" }),
  "misspelt.yaml": "version: 1\nsigner: {}\n",
  "list.yaml": "- version: 1\n",
  "broken.yaml": "version: 1\nversion: 1\n",
  "fragment.yaml": "version: 1\ninclude: [intel]\n",
};

/** A folder with all of them, removed when the test file ends. */
export function evalFiles(): string {
  const folder = emptyFolder();
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content);
  return folder;
}
