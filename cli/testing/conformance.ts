/**
 * Whether the same enclave gets the same answer as native and as guest. Each launch that a suite describes is put to the gate
 * twice, with the same knowledge of it, once from either origin.
 *
 * Where the answers differ, the policy must have asked for the origin: the Inputs of the two must agree in all else, only
 * policies may disagree, and their read sets must have `input.origin`. Then nothing else can be the cause, and the
 * difference is the policy's will: told of, and a failure only where `strict` says so and no case expects it.
 */

import {
  decodeLaunch,
  type Gate,
  inputOf,
  type Judged,
  type LaunchEvent,
  type Origin,
  type PolicyBundle,
  takeEvent,
} from "../../hooks/index.js";
import { type Answered, answeredOf, type LaunchCase } from "./case.js";

export interface ConformanceResult {
  /** The suite and the case that the launch comes from. */
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly status: "pass" | "fail";
  readonly native: Answered;
  readonly guest: Answered;
  /** Why it fails, or on what part of the origin the answers depend; null where they are the same. */
  readonly message: string | null;
}

export interface ConformanceOptions {
  readonly policies: readonly PolicyBundle[];
  readonly gateOf: (one: LaunchCase) => Gate;
  /** Fail where the policy answers by the origin and no case expects that. */
  readonly strict: boolean;
}

export function checkConformance(
  cases: readonly LaunchCase[],
  options: ConformanceOptions,
): readonly ConformanceResult[] {
  const expected = expectedDifferences(cases);
  const launches = new Map<string, LaunchCase>();
  for (const one of cases) {
    if (one.event.hook !== "enclave_init") continue;
    const key = knowledgeOf(one);
    if (!launches.has(key)) launches.set(key, one);
  }
  return [...launches.values()].map((one) => compare(one, options, expected.has(placeOf(one))));
}

/** All that matters about a launch but where it comes from. */
function knowledgeOf({ suite, event, documents, signatureCheck }: LaunchCase): string {
  const { origin, sigstruct, token, ...rest } = event;
  const bytes = (value: Uint8Array | string | null) => (value === null ? null : Buffer.from(value).toString("base64"));
  return JSON.stringify([
    suite,
    rest,
    bytes(sigstruct),
    bytes(token),
    origin.vm,
    origin.enforcement,
    documents,
    signatureCheck,
  ]);
}

function placeOf({ suite, line, enclave }: LaunchCase): string {
  return JSON.stringify([suite, line, enclave]);
}

/** Cases that expect one thing of native and another of a guest. */
function expectedDifferences(cases: readonly LaunchCase[]): ReadonlySet<string> {
  const expectations = new Map<string, Set<string>>();
  for (const one of cases) {
    const there = expectations.get(placeOf(one)) ?? new Set();
    expectations.set(placeOf(one), there.add(JSON.stringify(one.expect)));
  }
  return new Set([...expectations].filter(([, different]) => different.size > 1).map(([place]) => place));
}

function compare(
  one: LaunchCase,
  { policies, gateOf, strict }: ConformanceOptions,
  isExpected: boolean,
): ConformanceResult {
  const gate = gateOf(one);
  const ask = (origin: Origin): Asked => {
    const event = { ...one.event, origin };
    return { event, judged: gate.judge(event) };
  };
  const { vm, enforcement } = one.event.origin;
  const plain = { enforcement, process: null, vm: null, guest: null };
  const native = ask({ kind: "native", ...plain });
  const guest = ask({ kind: "kvm", ...plain, vm });
  const [asNative, asGuest] = [answeredOf(native.judged), answeredOf(guest.judged)];
  const base = { name: `${one.suite}: ${one.name}`, file: one.file, line: one.line, native: asNative, guest: asGuest };
  if (same(asNative, asGuest)) return { ...base, status: "pass", message: null };
  const differ = `native ${said(asNative)}, guest ${said(asGuest)}`;
  const fault = faultOf(one, native, guest, policies);
  if (fault !== null) return { ...base, status: "fail", message: `${differ}: ${fault}` };
  const parts = ["input.origin.kind", ...(vm === null ? [] : ["input.origin.vm"])].join(" or ");
  if (isExpected)
    return { ...base, status: "pass", message: `${differ}, as the case expects: the policy reads ${parts}` };
  return { ...base, status: strict ? "fail" : "pass", message: `${differ}: the policy reads ${parts}` };
}

interface Asked {
  readonly event: LaunchEvent;
  readonly judged: Judged;
}

function same(a: Answered, b: Answered): boolean {
  return JSON.stringify([a.decision, a.reasons, a.warnings]) === JSON.stringify([b.decision, b.reasons, b.warnings]);
}

function said({ decision, reasons, warnings }: Answered): string {
  const codes = [...reasons, ...warnings.map((code) => `warning ${code}`)];
  return codes.length === 0 ? decision : `${decision} (${codes.join(", ")})`;
}

/** Why the answers must not differ; null: the policy has named the origin. */
function faultOf(one: LaunchCase, native: Asked, guest: Asked, policies: readonly PolicyBundle[]): string | null {
  if (factsOf(native.event, one) !== factsOf(guest.event, one))
    return "the two are shown different facts beside the origin";
  const other = [native, guest]
    .flatMap(({ judged }) => judged.opinions)
    .find(({ module, answer }) => answer === "deny" && module !== "policy" && !module.startsWith("policy:"));
  if (other !== undefined) return `module ${other.module}, which is no policy, answers by the origin`;
  const reads = policies.some((policy) => readsOrigin(policy));
  return reads ? null : "by its read set, no policy can see the origin";
}

/** The Input without the origin. */
function factsOf(event: LaunchEvent, { signatureCheck }: LaunchCase): string {
  const { origin: _, ...facts } = inputOf(decodeLaunch(takeEvent(event), signatureCheck));
  return JSON.stringify(facts);
}

/** A read set that stops short of the whole is one that somebody has proved. */
function readsOrigin({ reads, entrypoints }: PolicyBundle): boolean {
  if (!entrypoints.includes("launch/decision")) return false;
  const paths = reads["launch/decision"] ?? null;
  return paths === null || paths.some(([first]) => first === undefined || first === "origin");
}
