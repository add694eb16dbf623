/** Audit logs for tests: written by the real log, in folders that go with the test file. */

import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import { afterAll, expect } from "vitest";
import { type AuditLog, openAuditLog } from "../../../hooks/audit/audit-log.js";
import type { AuditError } from "../../../hooks/audit/errors.js";
import type { AuditLogOptions } from "../../../hooks/audit/options.js";
import { createGate, type Judged, type LaunchEvent } from "../../../hooks/index.js";
import { makeEvent } from "../../support/events.js";
import { makeSigstruct, testSigner } from "../../support/sigstructs.js";

const made: string[] = [];

export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "launchgate-audit-"));
  made.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export const SIGNING_KEY: KeyObject = generateKeyPairSync("ed25519").privateKey;

const gate = createGate({ data: [{ version: 1, signers: { [testSigner()]: { name: "the tests' author" } } }] });
const EVENT = makeEvent();
const STRANGER = makeSigstruct({}, "stranger");

export function allowed(overrides: Partial<LaunchEvent> = {}): Judged {
  return gate.judge({ ...EVENT, ...overrides });
}

export function denied(overrides: Partial<LaunchEvent> = {}): Judged {
  return gate.judge({ ...EVENT, sigstruct: STRANGER, ...overrides });
}

/** Resolves with what `done` was called with. */
export function appended(log: AuditLog, judged: Judged): Promise<AuditError | null> {
  return new Promise((resolve) => log.append(judged, undefined, resolve));
}

export function filesOf(directory: string): readonly string[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
  return names.sort().map((name) => join(directory, name));
}

export type Line = Readonly<Record<string, unknown>> & {
  readonly kind: string;
  readonly chain: { readonly seq: number; readonly prev: string | null };
};

export function linesOf(directory: string): readonly Line[] {
  return filesOf(directory).flatMap((file) => {
    const text = readFileSync(file, "utf8");
    expect(text.endsWith("\n")).toBe(true);
    return text
      .slice(0, -1)
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
  });
}

export const kindsOf = (directory: string): readonly string[] => linesOf(directory).map(({ kind }) => kind);

const schema = JSON.parse(readFileSync("policies/schema/audit.schema.json", "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(schema);
const validate = ajv.compile({ $ref: "launchgate:audit#/definitions/line" });

export function expectSchema(lines: readonly Line[]): void {
  for (const line of lines) expect([line.kind, validate(line) ? null : validate.errors]).toEqual([line.kind, null]);
}

/** A closed log: so many decisions and notes, rotated as `options` say. */
export async function writtenLog(records: number, options: Partial<AuditLogOptions> = {}): Promise<string> {
  const directory = emptyFolder();
  const log = await openAuditLog({ directory, checkpointKey: SIGNING_KEY, ...options });
  for (let n = 0; n < records; n += 1) {
    if (n % 3 === 0) log.append(allowed({ id: `launch ${n}` }));
    else log.note("tick", { n });
    // One by one, so that rotation and checkpoints come between them.
    if (options.rotateBytes !== undefined || options.checkpointRecords !== undefined) await log.flush();
  }
  await log.close();
  return directory;
}
