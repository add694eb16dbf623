/** Logs for tests of replay and suggest, written by the gate itself: what a host would have recorded. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { auditRecord, createGate, type GateOptions, type LaunchEvent } from "../../hooks/index.js";
import { makeEvent } from "../support/events.js";
import { makeSigstruct, testSigner } from "../support/sigstructs.js";
import { emptyFolder } from "./policy/folder.js";

/** The folder that the logs of a test file lie in; removed when it ends. */
export const FOLDER = emptyFolder();

export const AUTHOR = testSigner();
export const OTHER = testSigner("other");

export const filled = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

/** Lists the author's product 1 from ISVSVN 1 on. */
export const LISTED = {
  version: 1,
  signers: { [AUTHOR]: { name: "the author", products: { "1": { min_isvsvn: 1 } } } },
};

export function file(name: string, content: string | Uint8Array): string {
  const path = join(FOLDER, name);
  writeFileSync(path, content);
  return path;
}

export const json = (name: string, value: unknown): string => file(name, JSON.stringify(value));

export function lines(records: readonly unknown[]): string {
  return records.map((record) => `${typeof record === "string" ? record : JSON.stringify(record)}\n`).join("");
}

/** What a host with these options records of the event. */
export function recorded(event: unknown, options: GateOptions = {}): unknown {
  const signatureCheck = options.signatureCheck === undefined ? {} : { signatureCheck: options.signatureCheck };
  return JSON.parse(JSON.stringify(auditRecord(createGate(options).judge(event), signatureCheck)));
}

export function at(time: number, overrides: Partial<LaunchEvent> = {}): LaunchEvent {
  return makeEvent({ time: 1_795_300_000 + time, sigstruct: makeSigstruct(), ...overrides });
}

/** As it travels. */
export function travelling(event: LaunchEvent): unknown {
  const base64 = (bytes: LaunchEvent["token"]) =>
    bytes instanceof Uint8Array ? Buffer.from(bytes).toString("base64") : bytes;
  return { ...event, sigstruct: base64(event.sigstruct), token: base64(event.token) };
}
