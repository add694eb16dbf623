/** The test vectors of hooks/socket/protocol.md, read out of the page itself, and what each of them says. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LaunchRequest, WireRequest } from "../../../hooks/socket/request.js";
import type { VerdictToSend } from "../../../hooks/socket/wire.js";
import { ROOT } from "../../support/cli.js";

const page = readFileSync(join(ROOT, "hooks/socket/protocol.md"), "utf8");
const [ACCEPTED = "", REFUSED = ""] = [...page.matchAll(/^```vectors\n([\s\S]*?)^```$/gm)].map(([, text]) => text);

function vectors(block: string): ReadonlyMap<string, Buffer> {
  const found = [...block.matchAll(/^(\S.*)\n((?: {2}.*\n)+)/gm)];
  return new Map(found.map(([, name = "", hex = ""]) => [name, bytesOf(hex)]));
}

function bytesOf(text: string): Buffer {
  const tokens = text.trim().split(/\s+/);
  return Buffer.concat(
    tokens.map((token) => {
      const [, byte, count] = /^([0-9a-f]{2})\*(\d+)$/.exec(token) ?? [];
      if (byte !== undefined) return Buffer.alloc(Number(count), Number.parseInt(byte, 16));
      if (!/^([0-9a-f]{2})+$/.test(token)) throw new Error(`${token} is no hex`);
      return Buffer.from(token, "hex");
    }),
  );
}

export const VECTORS = vectors(ACCEPTED);
export const REFUSALS = vectors(REFUSED);

export function vector(name: string): Buffer {
  const bytes = VECTORS.get(name);
  if (bytes === undefined) throw new Error(`protocol.md has no vector ${name}`);
  return bytes;
}

const ALL = "0xffffffffffffffff";
export const DECISION_ID = "00112233-4455-6677-8899-aabbccddeeff";

export const SHORT_REQUEST: LaunchRequest = { sigstruct: new Uint8Array(1808).fill(0xaa) };

export const FULL_REQUEST: Omit<WireRequest, "id" | "deadline_ms"> = {
  hook: "enclave_init",
  sigstruct: new Uint8Array(1808).fill(0xaa),
  token: new Uint8Array(304).fill(0xbb),
  secs: {
    attributes: { flags: "0x15", xfrm: "0xe7" },
    attributes_known: { flags: ALL, xfrm: "0x3" },
    attributes_allowed: { flags: "0x37", xfrm: "0x602e7" },
    miscselect: "0x1",
    miscselect_known: "0xffffffff",
    cet_attributes: "0x2",
    configid: "dd".repeat(64),
    configsvn: 513,
    size: "0x100000000",
  },
  platform: { flc: true, lepubkeyhash: "cc".repeat(32) },
  claims: {
    kind: "guest-agent",
    enforcement: "agent",
    process: { pid: 7, tid: null, uid: 0, gid: 100, comm: "qemu", exe: "/usr/bin/qemu", cgroup: "/machine" },
    vm: { id: "vm-1", name: "büro" },
    guest: { pid: 42, uid: null, exe: "/opt/app" },
    provisionkey: "vm-cap",
  },
  event_id: "e-1",
  synthetic: true,
};

export const VM_REQUEST: LaunchRequest = { hook: "vm_provision", claims: { vm: { id: "vm-1", name: null } } };

export const ALLOWS: VerdictToSend = {
  decision: "allow",
  errno: 0,
  einit_error: 0,
  generation: 7,
  decision_id: DECISION_ID,
  sigstruct_sha256: "ee".repeat(32),
  token_sha256: null,
  reasons: [],
};

export const DENIES: VerdictToSend = {
  ...ALLOWS,
  decision: "deny",
  errno: 13,
  einit_error: 16,
  token_sha256: "ff".repeat(32),
  reasons: [
    { code: "signer_not_listed", message: "nicht gelistet: „x“" },
    { code: "debug_on", message: "" },
  ],
};
