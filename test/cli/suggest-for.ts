/** What tests of suggest ask: events by what is denied of them, and the suggestion for a log in memory. */

import type { Granularity, PlanOptions } from "../../cli/suggest/plan.js";
import { type Suggestion, suggest } from "../../cli/suggest/run.js";
import { type JsonObject, type LaunchEvent, shippedPolicy } from "../../hooks/index.js";
import { makeSecs } from "../support/events.js";
import { makeSigstruct } from "../support/sigstructs.js";
import { AUTHOR, lines, travelling } from "./replay-logs.js";

export const MRENCLAVE = "aa".repeat(32);
const NONE: PlanOptions["allowed"] = new Set(["provisionkey"]);
export const ALL: PlanOptions["allowed"] = new Set(["debug", "provisionkey", "einittokenkey", "vm_provisionkey"]);

export interface Asked {
  readonly data?: readonly JsonObject[];
  readonly profile?: string;
  readonly by?: Granularity;
  readonly allowed?: PlanOptions["allowed"];
  readonly all?: boolean;
}

/** Of a log in memory, as the command does it. */
export function suggestFor(records: readonly unknown[], asked: Asked = {}): Promise<Suggestion> {
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
export const bare = (event: LaunchEvent): unknown => travelling(event);

export const GUEST: Partial<LaunchEvent> = {
  origin: { kind: "kvm", enforcement: "kernel", process: null, vm: { id: "vm-1", name: null }, guest: null },
};
export const flags = (bits: bigint): Partial<LaunchEvent> => ({
  sigstruct: makeSigstruct({ attributes: { flags: 0x4n | bits, xfrm: 0x3n } }),
  secs: makeSecs({ attributes: { flags: `0x${(0x4n | bits).toString(16)}`, xfrm: "0x3" } }),
});
export const GRANTED = { provisionkey: { granted: true, how: "fd" } } as const;
export const HASH = "1e".repeat(32);
export const KSS_SIGNED = {
  sigstruct: makeSigstruct({
    attributes: { flags: 0x84n, xfrm: 0x3n },
    isvextprodid: new Uint8Array(16).fill(0x0e),
    isvfamilyid: new Uint8Array(16).fill(0x0f),
  }),
  secs: makeSecs({ attributes: { flags: "0x84", xfrm: "0x3" } }),
};
export const pinned = (more: object): JsonObject =>
  ({ version: 1, signers: { [AUTHOR]: { name: "the author", ...more } } }) as unknown as JsonObject;
export const NAME = `signer ${AUTHOR.slice(0, 16)}`;
export const MEASURED = { mrsigner: AUTHOR, isvprodid: 1, min_isvsvn: 1 };
