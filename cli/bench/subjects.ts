/** The subjects of our own: what is decided, decoded and loaded, each with what one call of it does. */

import {
  createGate,
  type Decision,
  decodeLaunch,
  decodeSigstruct,
  type Gate,
  inputOf,
  type Launch,
  type LaunchEvent,
  readBundle,
  takeEvent,
  verifySignature,
} from "../../hooks/index.js";
import type { Subject } from "./rounds.js";
import { type EventStream, eventStream, WARM_ENCLAVES } from "./workload.js";

/** Every tenth event of the mixed ones is of a new enclave. */
const MIXED_NEW = 10;

export interface OwnSubjects {
  readonly gate: Gate;
  /** 1808 bytes whose signature holds. */
  readonly signed: Uint8Array;
  /** The policies as bundles, with the data that the gate has. */
  readonly bundles: readonly Uint8Array[];
  /** How often `cold` and `warm` are timed; the others less often. */
  readonly count: number;
}

export function ownSubjects(given: OwnSubjects): readonly Subject[] {
  return [...codecSubjects(given), ...decideSubjects(given), loadSubject(given)];
}

const part = (count: number, share: number): number => Math.max(20, Math.round(count * share));

function codecSubjects({ signed, count }: OwnSubjects): readonly Subject[] {
  const events = eventStream({ template: signed, signers: "listed", enclaves: "new", series: 1 });
  const decode: Subject<Uint8Array> = {
    name: "decode",
    what: "the 1808 bytes of a SIGSTRUCT to its fields",
    class: "codec",
    count: part(count, 0.1),
    prepare: (at) => events(at).sigstruct as Uint8Array,
    run: (bytes) => decodeSigstruct(bytes).isvsvn,
  };
  const verify: Subject<Uint8Array> = {
    name: "verify",
    what: "the RSA-3072 signature of a SIGSTRUCT, Q1 and Q2",
    class: "codec",
    count: part(count, 0.002),
    prepare: () => signed,
    run: (bytes) => Number(verifySignature(bytes).signature_valid),
    answer: (bytes) => (verifySignature(bytes).signature_valid ? "valid" : "invalid"),
  };
  const input: Subject<Launch> = {
    name: "input",
    what: "a decoded launch to the whole Input document",
    class: "codec",
    count: part(count, 0.05),
    prepare: (at) => decodeLaunch(takeEvent(events(at)), "never"),
    run: (launch) => inputOf(launch).time,
  };
  return [decode, verify, input];
}

/** Reads what every caller needs of a decision, so that nothing it needs is left for later. */
function read({ decision, reasons }: Decision): number {
  let length = decision.length;
  for (const { code, message } of reasons) length += code.length + message.length;
  return length;
}

/** One subject around a gate: raw bytes and facts in, decision and reasons read. */
export function decideSubject(
  gate: Gate,
  events: EventStream,
  { name, what, count }: { readonly name: string; readonly what: string; readonly count: number },
): Subject<LaunchEvent> {
  return {
    name,
    what,
    class: "decide",
    count,
    prepare: events,
    run: (event) => read(gate.decide(event)),
    answer: (event) => answerOf(gate.decide(event)),
  };
}

function answerOf({ decision, reasons }: Decision): string {
  return [decision, ...reasons.slice(0, 3).map(({ code }) => code)].join(" ");
}

function decideSubjects({ gate, signed: template, count }: OwnSubjects): readonly Subject[] {
  const cold = eventStream({ template, signers: "listed", enclaves: "new" });
  const warm = eventStream({ template, signers: "listed", enclaves: "again" });
  const some = eventStream({ template, signers: "listed", enclaves: "some" });
  const decide = (name: string, what: string, share: number, events: EventStream): Subject<LaunchEvent> =>
    decideSubject(gate, events, { name, what, count: part(count, share) });
  const others = eventStream({ template, signers: "listed", enclaves: "new", series: 5 });
  const mixed: EventStream = (at) => (at % MIXED_NEW === 0 ? others(at) : some(at));
  const json: Subject<string> = {
    name: "warm_json",
    what: "warm, from the event as JSON text with the SIGSTRUCT in base64, JSON.parse included",
    class: "decide",
    count: part(count, 0.1),
    prepare: (at) => asJson(warm(at)),
    run: (text) => read(gate.decide(JSON.parse(text))),
    answer: (text) => answerOf(gate.decide(JSON.parse(text))),
  };
  const digest: Subject<LaunchEvent> = {
    ...decide("warm_sha256", "warm, and sigstruct_sha256 read", 0.1, warm),
    run: (event) => {
      const decision = gate.decide(event);
      return read(decision) + (decision.sigstruct_sha256?.length ?? 0);
    },
  };
  return [
    decide("cold", "an enclave never seen before, of a listed signer already seen", 1, cold),
    decide(
      "cold_deny",
      "an enclave never seen before, of a signer already seen who is not listed",
      0.1,
      eventStream({ template, signers: "unlisted", enclaves: "new", series: 2 }),
    ),
    decide(
      "cold_new_signer",
      "enclave and signer never seen before, so not listed",
      0.1,
      eventStream({ template, signers: "new", enclaves: "new", series: 3 }),
    ),
    decide("warm", "the same enclave again and again, at the time it is", 1, warm),
    decide("warm_some", `one of ${WARM_ENCLAVES} enclaves again, each event in memory of its own`, 0.2, some),
    json,
    digest,
    decide("mixed", "nine warm, one cold", 0.2, mixed),
    decide(
      "guest_cold",
      "an enclave never seen before in a KVM guest: SECS unknown, attributes bounded",
      0.1,
      eventStream({ template, signers: "listed", enclaves: "new", origin: "kvm", series: 4 }),
    ),
  ];
}

function asJson(event: LaunchEvent): string {
  return JSON.stringify({ ...event, sigstruct: Buffer.from(event.sigstruct as Uint8Array).toString("base64") });
}

function loadSubject({ signed: template, bundles, count }: OwnSubjects): Subject {
  const events = eventStream({ template, signers: "listed", enclaves: "new" });
  const load = (event: LaunchEvent): Decision =>
    createGate({ policies: bundles.map((bytes) => readBundle(bytes)) }).decide(event);
  const subject: Subject<LaunchEvent> = {
    name: "load",
    what: "readBundle, createGate and the first decision, in a process that has done it before",
    class: "load",
    count: part(count, 0.0001),
    prepare: events,
    run: (event) => read(load(event)),
    answer: (event) => answerOf(load(event)),
  };
  return subject;
}
