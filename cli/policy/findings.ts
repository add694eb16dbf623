/** What the toolchain finds in a policy: where, what, and whether that refuses it. One table of codes, closed. */

import { CommandError } from "../io.js";
import type { OpaError } from "./opa.js";

/** Every code with what it says; docs and tests read it. */
export const FINDING_CODES = {
  rego: "OPA refuses the Rego",
  type: "a value of the wrong type for where it is used",
  unknown_function: "no function of that name",
  forbidden_builtin: "a builtin that a compiled policy cannot have",
  unknown_field: "a reference to what no input or data has",
  unknown_package: "a reference to a package or rule that is not compiled in",
  impossible_comparison: "a comparison that can never hold",
  not_unknown: "a negation that also holds where nothing is known",
  always_true: "a condition on a word, which is true whatever the word",
  trusts_signature: "a decision resting on whether the signature was checked",
  vanishing_rule: "a rule that goes away where a field is null",
  default_allow: "allow by default",
  unannotated_entrypoint: "a rule with an entrypoint's name that is not marked as one",
  entrypoint: "an entrypoint that Launchgate never asks for, or none at all",
  data: "a data document that does not fit",
} as const;

export type FindingCode = keyof typeof FINDING_CODES;

export interface Finding {
  readonly severity: "error" | "warning";
  readonly code: FindingCode;
  /** Relative to the policy folder, or `shipped:` and the path of a file of the library; null: the folder as a whole. */
  readonly file: string | null;
  readonly line: number | null;
  readonly message: string;
}

/** `launch/x.rego:12: message`. */
export function findingText({ file, line, message }: Finding): string {
  if (file === null) return message;
  return `${file}${line === null ? "" : `:${line}`}: ${message}`;
}

/** By file, line and message; the same finding once. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  const unique = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  return [...unique.values()].sort(
    (a, b) => compare(a.file ?? "", b.file ?? "") || (a.line ?? 0) - (b.line ?? 0) || compare(a.message, b.message),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A policy that cannot be compiled: exit 3, every finding on a line of its own. */
export function refused(what: string, findings: readonly Finding[]): CommandError {
  return new CommandError(3, [what, ...sortFindings(findings).map(findingText)].join("\n  "));
}

/** What to use instead of builtins that a compiled policy lacks, by name or by the part before the dot. */
const ADVICE: Readonly<Record<string, string>> = {
  sprintf: "use concat and format_int, or put the values into fields of the reason",
  print: "leave it to tests, or put the value into a field of the reason",
  trace: "leave it to tests, or put the value into a field of the reason",
  "time.now_ns": "use input.time, the event's Unix seconds",
  time: "times are integers of Unix seconds: compare input.time and the dates of data.launchgate as numbers",
  hex: "compare the lower-case hex strings; bits come decoded as words (input.enclave.bits, input.sigstruct.attributes.bits)",
  crypto: "the engine has hashed and verified what EINIT does; compare input.enclave and input.sigstruct.sha256",
  "http.send": "a decision depends on the event and the data alone; put what is needed into the data document",
  "net.lookup_ip_addr": "a decision depends on the event and the data alone; put what is needed into the data document",
  rand: "a decision must come out the same each time it is made",
  "uuid.rfc4122": "a decision must come out the same each time it is made",
  "opa.runtime": "a decision depends on the event and the data alone",
  "regex.split": "use split, or regex.find_all_string_submatch_n",
  "regex.replace": "use replace or strings.replace_n",
  regex: "use regex.match or regex.find_all_string_submatch_n",
  yaml: "put YAML into the data document, where it is read at build",
  io: "signatures and tokens are for the engine to verify",
  json: "read the fields themselves: input.enclave.mrsigner",
  units: "write sizes as integers",
  semver: "compare isvsvn, an integer",
};

/** What OPA's errors mean for those who write policies; `shipped` says which paths are the library's. */
export function findingsOf(errors: readonly OpaError[], shipped: (path: string) => boolean): readonly Finding[] {
  return errors.map((error) => ({
    severity: "error",
    ...meaningOf(error),
    file: error.file === null ? null : shipped(error.file) ? `shipped:${error.file}` : error.file,
    line: error.row,
  }));
}

/** What to use instead of a builtin; undefined for one that nobody has asked about. */
export function adviceFor(builtin: string): string | undefined {
  return ADVICE[builtin] ?? ADVICE[builtin.split(".")[0] ?? ""];
}

function meaningOf({ code, message, details }: OpaError): Pick<Finding, "code" | "message"> {
  const name = /^undefined function (\S+)$/.exec(message)?.[1];
  if (name !== undefined) {
    const advice = adviceFor(name);
    if (advice === undefined)
      return { code: "unknown_function", message: `there is no function ${name} that a compiled policy can call` };
    return { code: "forbidden_builtin", message: `${name} does not work in a compiled policy; ${advice}` };
  }
  if (code === "rego_type_error") return { code: "type", message: `${message}${typesIn(details)}` };
  return {
    code: "rego",
    message: code === "rego_parse_error" || code === "rego_compile_error" ? message : `${code}: ${message}`,
  };
}

interface TypeDetails {
  readonly have?: readonly (RegoType | null)[];
  readonly want?: { readonly args?: readonly RegoType[] };
  readonly a?: RegoType;
  readonly b?: RegoType;
}

interface RegoType {
  readonly type?: string;
  readonly of?: readonly RegoType[] | RegoType;
}

/** `: found number, expected string | array`, of the arguments or the sides of a comparison. */
function typesIn(details: unknown): string {
  const { have, want, a, b } = (details ?? {}) as TypeDetails;
  if (a !== undefined && b !== undefined) return `: ${typeText(a)} against ${typeText(b)}`;
  if (!Array.isArray(have) || !Array.isArray(want?.args)) return "";
  const found = have.filter((type) => type !== null).map(typeText);
  return `: found ${found.join(", ")}, expected ${want.args.slice(0, found.length).map(typeText).join(", ")}`;
}

function typeText({ type = "any", of }: RegoType): string {
  return type === "any" && Array.isArray(of) && of.length > 0 ? [...new Set(of.map(typeText))].join(" | ") : type;
}
