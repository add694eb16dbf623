/** LaunchEvents for tests, around generated SIGSTRUCTs. */

import type { LaunchEvent, SecsFields } from "../../engine/index.js";
import { makeSigstruct } from "./sigstructs.js";

/** A native launch with all attributes known: MODE64BIT, x87 and SSE, no debug. */
export function makeEvent(overrides: Partial<LaunchEvent> = {}): LaunchEvent {
  return {
    v: 1,
    hook: "enclave_init",
    id: "test",
    time: 1_795_300_000,
    origin: { kind: "native", enforcement: "library", process: null, vm: null, guest: null },
    platform: { flc: null, lepubkeyhash: null },
    grants: { provisionkey: { granted: false, how: null } },
    sigstruct: "sigstruct" in overrides ? null : makeSigstruct(),
    token: null,
    secs: makeSecs(),
    deadline_ms: null,
    synthetic: true,
    ...overrides,
  };
}

const ALL_KNOWN = { flags: "0xffffffffffffffff", xfrm: "0xffffffffffffffff" };

export function makeSecs(overrides: Partial<SecsFields> = {}): SecsFields {
  return {
    attributes: { flags: "0x4", xfrm: "0x3" },
    attributes_known: ALL_KNOWN,
    attributes_allowed: null,
    miscselect: "0x0",
    miscselect_known: "0xffffffff",
    cet_attributes: "0x0",
    configid: null,
    configsvn: null,
    size: "0x10000",
    ...overrides,
  };
}
