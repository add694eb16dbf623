/**
 * Other engines in the same process, where they are installed: Cedar (@cedar-policy/cedar-wasm) and Casbin. Each gets what
 * its language can say of the same policy, and the facts ready-made: they decode nothing, and give no reasons.
 */

import { setFlagsFromString } from "node:v8";
import type { Subject } from "./rounds.js";
import { LISTING, listedSigners, revokedMeasurements, SEEN_SIGNERS } from "./workload.js";

export interface Absent {
  readonly name: string;
  readonly why: string;
}

export interface Peers {
  readonly subjects: readonly Subject[];
  readonly absent: readonly Absent[];
}

/** Who and what; the rest of the question is the same in each. */
interface Facts {
  readonly mrsigner: string;
  readonly mrenclave: string;
}

const facts = (signers: readonly string[]): ((at: number) => Facts) => {
  const every = Math.max(1, Math.floor(signers.length / SEEN_SIGNERS));
  const seen = signers.filter((_, at) => at % every === 0).slice(0, SEEN_SIGNERS);
  return (at) => ({
    mrsigner: seen[at % seen.length] ?? "",
    mrenclave: (at % 2 ** 26).toString(16).padStart(64, "0"),
  });
};

/** A peer that does not agree that the enclave may launch is not measured. */
export async function inProcessPeers(signers: number, count: number): Promise<Peers> {
  const listed = listedSigners(signers);
  const peers = [
    { name: "cedar", load: cedarSubjects },
    { name: "casbin", load: casbinSubjects },
  ];
  const subjects: Subject[] = [];
  const absent: Absent[] = [];
  for (const { name, load } of peers) {
    try {
      const loaded = await load(listed, count);
      for (const subject of loaded) agrees(subject);
      subjects.push(...loaded);
    } catch (error) {
      absent.push({ name, why: whyAbsent(name, error) });
    }
  }
  return { subjects, absent };
}

function agrees({ name, answer, prepare }: Subject): void {
  const said = answer?.(prepare(0));
  if (said !== "allow") throw new Error(`${name} answers ${said} where allow is expected`);
}

function whyAbsent(name: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ERR_MODULE_NOT_FOUND") return `${name} is not installed`;
  return message.split("\n", 1)[0]?.slice(0, 200) ?? "";
}

const times = (count: number, share: number): number => Math.max(20, Math.round(count * share));

/**
 * V8 11.3 (Node 20) ends the process with "unreachable code" where it leaves optimized code during an inlined call into
 * WASM that returns a reference, as Cedar's do; OPA's return integers. So no call into WASM is inlined in this run, neither
 * theirs nor ours, which no median here shows.
 */
const WITHOUT_INLINING = "--no-turbo-inline-js-wasm-calls";

async function cedarSubjects(signers: readonly string[], count: number): Promise<readonly Subject[]> {
  const cedar = await import("@cedar-policy/cedar-wasm/nodejs");
  if (process.versions.v8.startsWith("11.")) setFlagsFromString(WITHOUT_INLINING);
  const revoked = new Set(revokedMeasurements());
  const listed = new Set(signers);
  const policies = { cedar_list: cedarList(signers, [...revoked]), cedar_entities: CEDAR_ENTITIES };
  for (const [name, staticPolicies] of Object.entries(policies)) {
    const parsed = cedar.preparsePolicySet(name, { staticPolicies });
    if (parsed.type === "failure") throw new Error(parsed.errors[0]?.message ?? "the policy does not parse");
  }
  const next = facts(signers);
  const ask = (name: string, entities: (facts: Facts) => CedarEntities) => {
    const allows = (given: Facts): boolean => {
      const said = cedar.statefulIsAuthorized({
        principal: { type: "Signer", id: given.mrsigner },
        action: { type: "Action", id: "enclave_init" },
        resource: { type: "Enclave", id: given.mrenclave },
        context: { ...given, isvprodid: LISTING.isvprodid, isvsvn: LISTING.isvsvn },
        preparsedPolicySetId: name,
        entities: entities(given),
      });
      return said.type === "success" && said.response.decision === "allow";
    };
    return { prepare: next, run: (given: Facts) => Number(allows(given)), answer: answerBy(allows) };
  };
  const all = {
    name: "cedar_list",
    what: "cedar-wasm, preparsed, signers and revoked measurements as sets in the policy",
    class: "peer",
    count: times(count, 0.0005),
    ...ask("cedar_list", () => []),
  } satisfies Subject<Facts>;
  const sliced = {
    name: "cedar_entities",
    what: "cedar-wasm, preparsed, the lists kept by the host, which hands in the two entities concerned",
    class: "peer",
    count: times(count, 0.01),
    ...ask("cedar_entities", ({ mrsigner, mrenclave }) => [
      { uid: { type: "Signer", id: mrsigner }, attrs: signerAttributes(listed.has(mrsigner)), parents: [] },
      { uid: { type: "Enclave", id: mrenclave }, attrs: { revoked: revoked.has(mrenclave) }, parents: [] },
    ]),
  } satisfies Subject<Facts>;
  return [all, sliced] as readonly Subject[];
}

type CedarAttributes = Record<string, boolean | number | number[]>;
type CedarEntities = { uid: { type: string; id: string }; attrs: CedarAttributes; parents: [] }[];

function signerAttributes(listed: boolean): CedarAttributes {
  return { listed, products: [LISTING.isvprodid], min_isvsvn: LISTING.min_isvsvn };
}

const CEDAR_ENTITIES = `permit(principal, action == Action::"enclave_init", resource) when {
  principal.listed && principal.products.contains(context.isvprodid) && context.isvsvn >= principal.min_isvsvn
};
forbid(principal, action, resource) when { resource.revoked };`;

function cedarList(signers: readonly string[], revoked: readonly string[]): string {
  const set = (texts: readonly string[]): string => `[${texts.map((text) => `"${text}"`).join(",")}]`;
  return `permit(principal, action == Action::"enclave_init", resource) when {
  ${set(signers)}.contains(context.mrsigner) &&
  context.isvprodid == ${LISTING.isvprodid} && context.isvsvn >= ${LISTING.min_isvsvn}
};
forbid(principal, action, resource) when { ${set(revoked)}.contains(context.mrenclave) };`;
}

const CASBIN_MODEL = `[request_definition]
r = mrsigner, isvprodid, isvsvn, mrenclave
[policy_definition]
p = role, isvprodid, min_isvsvn
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.mrsigner, p.role) && r.isvprodid == p.isvprodid && r.isvsvn >= p.min_isvsvn && !g2(r.mrenclave, "revoked")
`;

async function casbinSubjects(signers: readonly string[], count: number): Promise<readonly Subject[]> {
  const { newEnforcer, newModelFromString } = await import("casbin");
  const enforcer = await newEnforcer(newModelFromString(CASBIN_MODEL));
  const { isvprodid, min_isvsvn, isvsvn } = LISTING;
  await enforcer.addPolicy("listed", String(isvprodid), String(min_isvsvn));
  await enforcer.addNamedGroupingPolicies(
    "g",
    signers.map((mrsigner) => [mrsigner, "listed"]),
  );
  await enforcer.addNamedGroupingPolicies(
    "g2",
    revokedMeasurements().map((mrenclave) => [mrenclave, "revoked"]),
  );
  const allows = ({ mrsigner, mrenclave }: Facts): boolean =>
    enforcer.enforceSync(mrsigner, isvprodid, isvsvn, mrenclave);
  const subject: Subject<Facts> = {
    name: "casbin",
    what: "casbin, enforceSync, one rule for a role that the signers have",
    class: "peer",
    count: times(count, 0.02),
    prepare: facts(signers),
    run: (given) => Number(allows(given)),
    answer: answerBy(allows),
  };
  return [subject as Subject];
}

const answerBy =
  (allows: (given: Facts) => boolean) =>
  (given: Facts): string =>
    allows(given) ? "allow" : "deny";
