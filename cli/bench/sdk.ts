/**
 * What Launchgate is measured against: the WASM SDK (@open-policy-agent/opa-wasm, README, "Usage") as its users use it, on
 * the same bundle. Here and nowhere else outside of the engine; nothing is decided by it.
 */

import * as sdk from "@open-policy-agent/opa-wasm";
import {
  decodeLaunch,
  entrypointOf,
  inputOf,
  type JsonObject,
  type JsonValue,
  type PolicyBundle,
  takeEvent,
} from "../../engine/index.js";
import { CommandError } from "../io.js";
import type { Subject } from "./rounds.js";
import { type EventStream, POOL } from "./workload.js";

export const ENTRYPOINT = entrypointOf("enclave_init");

/** The SDK's name for its baseline in all ratios. */
export const BASELINE = "sdk_evaluate";

interface Sdk {
  readonly loadPolicySync: (wasm: Uint8Array) => {
    setData(data: JsonObject): void;
    evaluate(input: JsonObject, entrypoint: string): unknown;
  };
}

const { loadPolicySync } = (sdk as unknown as { readonly default: Sdk }).default;

/** The Input document of an event as plain JSON, as somebody who uses the SDK would have it ready. */
export function inputDocument(event: unknown): JsonObject {
  return JSON.parse(JSON.stringify(inputOf(decodeLaunch(takeEvent(event), "never")))) as JsonObject;
}

export interface SdkSubjects {
  readonly subjects: readonly Subject[];
  readonly inputBytes: number;
  /** Null where a policy may read everything. */
  readonly projectedBytes: number | null;
}

/** The policies one after another on ready-made inputs of as many enclaves as the pool has. */
export function sdkSubjects(policies: readonly PolicyBundle[], events: EventStream, count: number): SdkSubjects {
  const inputs = Array.from({ length: POOL }, (_, at) => inputDocument(events(at)));
  const loaded = policies.map((policy) => loadInto(policy));
  const evaluate = (input: JsonObject): number => {
    let results = 0;
    for (const policy of loaded) results += (policy.evaluate(input, ENTRYPOINT) as readonly unknown[]).length;
    return results;
  };
  const subject = (name: string, what: string, ready: readonly JsonObject[]): Subject<JsonObject> => ({
    name,
    what,
    class: "baseline",
    count,
    prepare: (at) => ready[at % POOL] ?? {},
    run: evaluate,
    answer: (input) => (loaded.every((policy) => allows(policy.evaluate(input, ENTRYPOINT))) ? "allow" : "deny"),
  });
  const inputBytes = sizeOf(inputs[0]);
  const full = subject(
    BASELINE,
    `the WASM SDK's evaluate() on the full Input, ${inputBytes} bytes, ready-made`,
    inputs,
  );
  const paths = readSet(policies);
  if (paths === null) return { subjects: [full], inputBytes, projectedBytes: null };
  const projected = inputs.map((input) => project(input, paths));
  const projectedBytes = sizeOf(projected[0]);
  const what = `the same on the fields that the policy reads, ${projectedBytes} bytes, ready-made`;
  return { subjects: [full, subject("sdk_projected", what, projected)], inputBytes, projectedBytes };
}

function loadInto(policy: PolicyBundle): ReturnType<Sdk["loadPolicySync"]> {
  if (!policy.entrypoints.includes(ENTRYPOINT)) {
    throw new CommandError(1, `policy ${policy.name} has no entrypoint ${ENTRYPOINT}, so there is nothing to measure`);
  }
  const loaded = loadPolicySync(policy.wasm);
  loaded.setData(policy.data);
  return loaded;
}

function allows(results: unknown): boolean {
  const [first] = results as readonly { readonly result: { readonly allow?: unknown } }[];
  return first?.result.allow === true;
}

function sizeOf(input: JsonObject | undefined): number {
  return Buffer.byteLength(JSON.stringify(input));
}

function readSet(policies: readonly PolicyBundle[]): readonly (readonly string[])[] | null {
  const sets = policies.map((policy) => policy.reads[ENTRYPOINT] ?? null);
  return sets.includes(null) ? null : sets.flatMap((paths) => paths ?? []);
}

function project(input: JsonObject, paths: readonly (readonly string[])[]): JsonObject {
  const whole = paths.filter((path) => path.length === 1).map(([key]) => key);
  const projected = Object.entries(input).flatMap(([key, value]): [string, JsonValue][] => {
    if (whole.includes(key)) return [[key, value]];
    const below = paths.filter(([first]) => first === key).map(([, ...rest]) => rest);
    if (below.length === 0) return [];
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return [[key, isObject ? project(value as JsonObject, below) : value]];
  });
  return Object.fromEntries(projected);
}
