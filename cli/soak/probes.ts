/** What the daemon is asked while it is under test, and what it must answer. */

import { createHash } from "node:crypto";
import { decodeSigstruct, mrsignerOf } from "../../hooks/index.js";
import { requestFrame } from "../bench/answerers.js";
import { type EventStream, eventStream } from "../bench/workload.js";

type ProbeName = (typeof PROBES)[number]["name"];

/**
 * `allow`, `deny` with this code, or `turn`: allowed by every second good bundle, so that a decision shows which one it was
 * made by. No good bundle lists the signers of `unlisted`, and every bundle that must be refused does.
 */
export const PROBES = [
  { name: "again", share: 60, expected: "allow" },
  { name: "new", share: 20, expected: "allow" },
  { name: "unlisted", share: 10, expected: "signer_not_listed" },
  { name: "turn", share: 10, expected: "turn" },
] as const;

export interface Probe {
  readonly name: ProbeName;
  readonly expected: (typeof PROBES)[number]["expected"];
  /** SHA-256 of the SIGSTRUCT. */
  readonly digest: string;
  readonly frame: Buffer;
}

export interface Prober {
  /** The next in turn, with that id. */
  readonly next: (id: number) => Probe;
  /** MRSIGNERs, for the data of bundles. */
  readonly turning: string;
  readonly unlisted: readonly string[];
}

/** By the shares above, evenly mixed. */
export function createProber(template: Uint8Array): Prober {
  const streams: Readonly<Record<ProbeName, EventStream>> = {
    again: eventStream({ template, signers: "listed", enclaves: "some" }),
    new: eventStream({ template, signers: "listed", enclaves: "new", series: 20 }),
    unlisted: eventStream({ template, signers: "unlisted", enclaves: "some" }),
    turn: fixed(template),
  };
  const order = PROBES.flatMap(({ share, ...probe }) => Array.from({ length: share }, () => probe));
  let at = 0;
  return {
    next: (id) => {
      // 37 and 100 have no divisor in common: each comes as often as its share says.
      const { name, expected } = order[(at * 37) % order.length] as (typeof order)[number];
      const event = streams[name](at);
      at += 1;
      const digest = createHash("sha256")
        .update(event.sigstruct as Uint8Array)
        .digest("hex");
      return { name, expected, digest, frame: requestFrame(id, event) };
    },
    turning: signerOf(streams.turn, 0),
    unlisted: Array.from({ length: 8 }, (_, slot) => signerOf(streams.unlisted, slot)),
  };
}

/** One enclave, of a signer of its own. */
function fixed(template: Uint8Array): EventStream {
  const event = eventStream({ template, signers: "new", enclaves: "again" })(0);
  return () => event;
}

function signerOf(stream: EventStream, at: number): string {
  return mrsignerOf(decodeSigstruct(stream(at).sigstruct as Uint8Array).modulus);
}
