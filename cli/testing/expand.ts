/** Each case of a suite for every enclave and origin that it names: one LaunchCase with a name and an expectation of its own. */

import { isJsonObject, type JsonObject, type JsonValue } from "../../engine/json.js";
import { effectiveData, LaunchError, shippedData } from "../../hooks/index.js";
import { CommandError } from "../io.js";
import type { Fault, FilePath } from "../schema-file.js";
import type { Expectation, LaunchCase } from "./case.js";
import { type Enclave, SuiteError, unknownName } from "./enclaves.js";
import { eventOf } from "./events.js";
import { filledIn } from "./placeholders.js";
import type { CaseText, ExpectationText, ExpectText, OriginKind, VerdictText } from "./suite.js";
import type { SuiteFile } from "./suite-file.js";

/**
 * When launches happen that no suite gives a time: a day that stays the same, so that what passes today passes when
 * something in the data has expired.
 */
const DEFAULT_TIME = "2026-01-01T00:00:00Z";

const MAX_CASES = 20_000;

const KINDS: readonly OriginKind[] = ["native", "kvm", "guest-agent", "file"];

/** The cases of one suite, and what is wrong with those that are none. @throws CommandError exit 1: a file, or too many */
export function expandSuite(
  file: SuiteFile,
  enclaves: ReadonlyMap<string, Enclave>,
): { readonly cases: readonly LaunchCase[]; readonly faults: readonly Fault[] } {
  const cases: LaunchCase[] = [];
  const faults: Fault[] = [];
  const suite = file.suite.suite ?? file.file;
  const attempt = <Result>(path: FilePath, work: () => Result): Result | undefined => {
    try {
      return work();
    } catch (error) {
      if (error instanceof CommandError) {
        const { line, column } = file.faultAt(path, "");
        throw new CommandError(error.exitCode, `${file.file}:${line}:${column}: ${error.message}`);
      }
      if (!(error instanceof SuiteError || error instanceof LaunchError)) throw error;
      faults.push(file.faultAt(path, error.message));
      return undefined;
    }
  };
  const common = attempt(["data"], () => documentsOf(file.suite, enclaves));
  const names = new Set<string>();
  for (const [at, text] of file.suite.cases.entries()) {
    const path = ["cases", at];
    const own = attempt([...path, "data"], () => documentsOf(text, enclaves));
    const expanded = attempt(path, () => {
      const time = secondsOf(text.time ?? file.suite.time ?? DEFAULT_TIME);
      return variants(text).map(({ enclaveName, kind, name, expect }): LaunchCase => {
        const enclave = enclaveName === null ? null : enclaveOf(enclaveName, enclaves);
        return {
          suite,
          file: file.file,
          line: file.lineOf(path),
          name,
          event: eventOf({ file, text, kind, enclave, enclaves, time }),
          expect,
          documents: [...(common ?? []), ...(own ?? [])],
          signatureCheck: enclave?.signatureCheck ?? "always",
          enclave: enclaveName,
          key: enclave?.key ?? null,
        };
      });
    });
    for (const one of expanded ?? []) {
      if (names.has(one.name))
        faults.push(file.faultAt([...path, "name"], `there is another case named ${JSON.stringify(one.name)}`));
      names.add(one.name);
      cases.push(one);
    }
    if (cases.length > MAX_CASES)
      throw new CommandError(3, `${file.file} has more than ${MAX_CASES} cases, counted for each enclave and origin`);
  }
  return { cases, faults };
}

function enclaveOf(name: string, enclaves: ReadonlyMap<string, Enclave>): Enclave {
  const enclave = enclaves.get(name);
  if (enclave === undefined) throw new SuiteError(unknownName("enclave", name, [...enclaves.keys()]));
  return enclave;
}

/** The profile and the data named there, checked. @throws SuiteError, PolicyError */
function documentsOf(
  { profile, data }: { readonly profile?: string; readonly data?: JsonObject },
  enclaves: ReadonlyMap<string, Enclave>,
): readonly JsonObject[] {
  const documents: JsonValue[] = [
    ...(profile === undefined ? [] : [{ version: 1, profile }]),
    ...(data === undefined ? [] : [filledIn({ version: 1, ...data }, enclaves)]),
  ];
  const objects = documents.filter(isJsonObject);
  for (const document of objects) effectiveData([document], shippedData, {});
  return objects;
}

function secondsOf(time: string): number {
  if (time === "now") return Math.floor(Date.now() / 1000);
  const milliseconds = Date.parse(time);
  const day = time.slice(0, 10);
  // Date.parse takes 31 February for 3 March.
  const isDay =
    !Number.isNaN(Date.parse(`${day}T00:00:00Z`)) && new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
  if (Number.isNaN(milliseconds) || !isDay) throw new SuiteError(`time is ${time}, which is no moment of the calendar`);
  return Math.floor(milliseconds / 1000);
}

interface Variant {
  readonly enclaveName: string | null;
  readonly kind: OriginKind;
  readonly name: string;
  readonly expect: Expectation;
}

function variants(text: CaseText): readonly Variant[] {
  const hook = text.hook ?? "enclave_init";
  const enclaves = text.enclave === undefined ? [] : typeof text.enclave === "string" ? [text.enclave] : text.enclave;
  if (hook === "enclave_init" && enclaves.length === 0) throw new SuiteError("enclave_init needs an enclave: name one");
  if (hook !== "enclave_init" && enclaves.length > 0)
    throw new SuiteError(`${hook} has no SIGSTRUCT, so enclave has no place there`);
  const kinds = kindsOf(text);
  const names = enclaves.length === 0 ? [null] : enclaves;
  return names.flatMap((enclaveName) =>
    kinds.map((kind) => {
      const named = [
        ...(names.length > 1 && enclaveName !== null ? [enclaveName] : []),
        ...(kinds.length > 1 ? [kind] : []),
      ];
      const name = named.length === 0 ? text.name : `${text.name} [${named.join(", ")}]`;
      return { enclaveName, kind, name, expect: expectationFor(text.expect, kind, kinds) };
    }),
  );
}

/** Native and guest at once, but for what only one of them has. */
function kindsOf(text: CaseText): readonly OriginKind[] {
  if (text.origin !== undefined) return typeof text.origin === "string" ? [text.origin] : text.origin;
  const expected = kindsIn(text.expect);
  if (expected.length > 0) return expected;
  if (text.vm !== undefined || text.guest !== undefined || text.token != null) return ["kvm"];
  if (text.attributes !== undefined || text.secs !== undefined) return ["native"];
  return ["native", "kvm"];
}

function kindsIn(expect: ExpectText): readonly OriginKind[] {
  return typeof expect === "string" ? [] : KINDS.filter((kind) => Object.hasOwn(expect, kind));
}

function expectationFor(expect: ExpectText, kind: OriginKind, kinds: readonly OriginKind[]): Expectation {
  const named = kindsIn(expect);
  if (named.length === 0 || typeof expect === "string") return expectationOf(expect as ExpectationText);
  const other = Object.keys(expect).find((key) => !(KINDS as readonly string[]).includes(key));
  if (other !== undefined) throw new SuiteError(`expect has ${other} beside origins; say it for each origin`);
  const idle = named.find((one) => !kinds.includes(one));
  if (idle !== undefined) throw new SuiteError(`expect speaks of ${idle}, but the case has no such origin`);
  const own = (expect as { readonly [Kind in OriginKind]?: ExpectationText })[kind];
  if (own === undefined) throw new SuiteError(`expect says nothing of origin ${kind}`);
  return expectationOf(own);
}

function expectationOf(text: ExpectationText): Expectation {
  if (typeof text === "string") return { decision: text };
  const { deny, decision, reasons, includes, warnings }: VerdictText = text;
  if (deny !== undefined && (decision !== undefined || reasons !== undefined || includes !== undefined))
    throw new SuiteError(
      "expect has deny, which says decision and reasons: neither they nor includes have a place beside it",
    );
  const verdict = deny !== undefined ? "deny" : decision;
  if (verdict === undefined) throw new SuiteError("expect does not say whether to allow or deny");
  if (verdict === "allow" && (reasons ?? includes) !== undefined)
    throw new SuiteError("expect has reasons for an allow, which has none; for warnings say warnings");
  const exact = deny ?? reasons;
  return {
    decision: verdict,
    ...(exact === undefined ? {} : { reasons: exact }),
    ...(includes === undefined ? {} : { includes }),
    ...(warnings === undefined ? {} : { warnings }),
  };
}
