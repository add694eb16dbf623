/** The guarded gate and the plain one give the same decision: for tens of thousands of generated events, put all at once. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createGate,
  createGuardedGate,
  type GateOptions,
  type Judged,
  type LaunchEvent,
  type LaunchModule,
  makeBundle,
  shippedPolicy,
} from "../../../hooks/index.js";
import { DOCUMENTS, launchEvents } from "../../support/arbitrary.js";
import { policyOf } from "../../support/policies.js";

/** All that a decision says, but for its id. */
function said({ decision, opinions }: Judged): unknown {
  const { decision_id: _, ...rest } = decision.toJSON();
  return { ...rest, opinions };
}

async function compare(options: GateOptions, events: readonly unknown[]): Promise<readonly string[]> {
  const plain = createGate(options);
  const guarded = await createGuardedGate({ ...options, maxQueued: events.length, deadlineMs: 600_000 });
  const both = await Promise.all(
    events.map(async (event) => [await guarded.judge(event), plain.judge(event)] as const),
  );
  for (const [theirs, ours] of both) expect(said(theirs)).toEqual(said(ours));
  await guarded.close();
  return both.map(([{ decision }]) => decision.decision);
}

const listing = DOCUMENTS[3] ?? {};
const cases: readonly (readonly [string, GateOptions])[] = [
  ...["strict", "baseline", "open"].flatMap((profile) =>
    DOCUMENTS.map((document, at) => [`${profile}, document ${at}`, { profile, data: [document] }] as const),
  ),
  ["lockdown", { profile: "open", lockdown: "confidentiality" }],
  ["signatures that are always checked", { profile: "open", signatureCheck: "always" }],
  ["a policy that is only on trial", { profile: "strict", data: [listing], permissive: ["policy"] }],
  ["no policy", { policies: [] }],
  [
    "three policies, one on trial",
    {
      policies: [
        shippedPolicy({ profile: "baseline" }),
        shippedPolicy({ data: [listing] }),
        shippedPolicy({ profile: "open" }),
      ],
      permissive: ["policy:launchgate.2"],
    },
  ],
  [
    "read sets that nobody vouches for",
    { policies: [makeBundle({ ...shippedPolicy({ data: [listing] }), readsTrusted: false })] },
  ],
  [
    "a policy that fails on some",
    {
      policies: [
        policyOf(
          'package launch\n# METADATA\n# entrypoint: true\ndecision := {"allow": x == 1, "deny": [], "warn": []} if some x in [1, input.enclave.isvsvn]\n',
        ),
      ],
    },
  ],
  ["modules of others around the policy", { profile: "open", modules: modules(), order: order() }],
];

function modules(): readonly LaunchModule[] {
  return [
    {
      name: "before",
      hooks: {
        enclave_init: ({ launch }) =>
          launch.sigstruct?.isvsvn === 5
            ? { answer: "deny", reasons: [{ code: "five", message: "no five" }] }
            : { answer: "pass", warnings: [{ code: "seen", message: "before" }] },
      },
    },
    {
      name: "after",
      mayAllow: true,
      hooks: {
        enclave_init: ({ input }) => {
          if (input.enclave?.isvprodid === 2) throw new Error("fails");
          return { answer: "allow" };
        },
      },
    },
  ];
}

function order(): readonly string[] {
  return ["architecture", "before", "capability", "policy", "lockdown", "after"];
}

describe("a guarded gate decides as the plain one", () => {
  test.each(cases)("with %s", async (_, options) => {
    const events = fc.sample(launchEvents, { numRuns: 1000, seed: 77 });
    await compare(options, [...events, ...events, ...events.map(onOtherHook)]);
  });

  test("and among those decisions are plenty of both kinds", async () => {
    const events = fc.sample(launchEvents, { numRuns: 1000, seed: 77 });
    const decisions = await compare({ profile: "open" }, events);
    for (const kind of ["allow", "deny"]) expect(decisions.filter((one) => one === kind).length).toBeGreaterThan(50);
  });

  test("and says of what is no event what the plain one says", async () => {
    const junk = fc.sample(fc.anything(), { numRuns: 500, seed: 7 });
    await compare({ profile: "open" }, junk);
  });
});

function onOtherHook(event: LaunchEvent, at: number): LaunchEvent {
  const hook = (["enclave_create", "enclave_provision", "vm_epc", "vm_provision"] as const)[at % 4] ?? "vm_epc";
  return { ...event, hook, sigstruct: null, token: null };
}
