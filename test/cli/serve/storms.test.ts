/**
 * What a daemon goes through: many who ask at once, kills under load, and policies that change faster than anybody should change them. More of it
 * on demand: LAUNCHGATE_KILLS, LAUNCHGATE_RELOADS, and LAUNCHGATE_CLIENTS with LAUNCHGATE_EACH.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import type { ClientVerdict, LaunchgateClient } from "../../../hooks/index.js";
import { signBundle } from "../../../hooks/index.js";
import { launchgate } from "../../support/cli.js";
import { makeSecs } from "../../support/events.js";
import { ecPair, ed25519Pair, keysOf, pack, tinyFiles } from "../../support/signing.js";
import { makeSigstruct, testSigner } from "../../support/sigstructs.js";
import { type AuditLine, auditLines, freshFolder, replaceFile, startDaemon } from "./daemons.js";

const KILLS = Number(process.env["LAUNCHGATE_KILLS"] ?? 10);
const RELOADS = Number(process.env["LAUNCHGATE_RELOADS"] ?? 300);
const CLIENTS = Number(process.env["LAUNCHGATE_CLIENTS"] ?? 1000);
const EACH = Number(process.env["LAUNCHGATE_EACH"] ?? 20);
const REQUESTS = [1, 2, 3, 4].map((isvsvn) => ({ sigstruct: makeSigstruct({ isvsvn }), secs: makeSecs() }));

/** Asks and asks, so many at a time, until told to stop; what the daemon itself has answered. */
function load(client: LaunchgateClient, atOnce: number) {
  const verdicts: ClientVerdict[] = [];
  let stopped = false;
  const asker = async (): Promise<void> => {
    for (let at = 0; !stopped; at += 1) {
      const verdict = await client.decide(REQUESTS[at % REQUESTS.length] ?? {});
      if (verdict.by === "daemon") verdicts.push(verdict);
      else await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const done = Promise.all(Array.from({ length: atOnce }, asker));
  return {
    verdicts,
    stop: async (): Promise<void> => {
      stopped = true;
      await done;
    },
  };
}

test(`after ${KILLS} kills under load, no allow was read that is not in the log, and the log is whole`, {
  timeout: 60_000 + KILLS * 5000,
}, async () => {
  const folder = freshFolder();
  const directory = join(folder, "state/audit");
  const config = { policies: [{ builtin: "open" }], audit: { checkpoint_records: 50, rotate_bytes: 2_000_000 } };
  const allowed = new Set<string>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const daemon = await startDaemon({ folder, config });
    const asking = load(daemon.client({ reconnect: false }), 32);
    await vi.waitFor(() => expect(asking.verdicts.length).toBeGreaterThan(0), { timeout: 10_000, interval: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20 + 30 * (kill % 7)));
    daemon.signal("SIGKILL");
    expect(await daemon.ended).toBe("SIGKILL");
    await asking.stop();
    for (const { decision, decision_id } of asking.verdicts) {
      expect(decision).toBe("allow");
      allowed.add(decision_id ?? "none");
    }
  }
  const last = await startDaemon({ folder, config });
  expect(await last.stop()).toBe(0);
  const logged = new Set(auditLines(directory).map(({ decision_id }) => decision_id));
  expect([...allowed].filter((id) => !logged.has(id))).toEqual([]);
  expect(allowed.size).toBeGreaterThan(KILLS);
  const { code, stdout } = launchgate(["audit", "verify", directory, "--format", "json"]);
  expect([code, stdout]).toEqual([0, expect.stringContaining("{")]);
});

test(`${CLIENTS} clients at once, each with ${EACH} launches under way, each read the answer to what they asked`, {
  timeout: 60_000 + CLIENTS * EACH,
}, async () => {
  const folder = freshFolder();
  const data = join(folder, "data.json");
  const signers = { [testSigner()]: { name: "the tests' author", products: { 1: { min_isvsvn: 3 } } } };
  writeFileSync(data, JSON.stringify({ version: 1, signers }));
  const daemon = await startDaemon({ folder, config: { policies: [{ builtin: "strict", data: [data] }] } });
  const clients = Array.from({ length: CLIENTS }, () => daemon.client({ deadlineMs: 60_000 }));
  const ids = new Set<string | null>();
  const wrong: string[] = [];
  await Promise.all(
    clients.flatMap((client, first) =>
      Array.from({ length: EACH }, async (_, at) => {
        const which = (first + at) % REQUESTS.length;
        const { by, decision, decision_id, reasons } = await client.decide(REQUESTS[which] ?? {});
        ids.add(decision_id);
        const expected = which + 1 >= 3 ? "daemon allow" : "daemon deny";
        if (`${by} ${decision}` !== expected) wrong.push(`${by} ${decision} ${reasons[0]?.code}, not ${expected}`);
      }),
    ),
  );
  expect(wrong).toEqual([]);
  expect(ids.size).toBe(CLIENTS * EACH);
  const [listener] = daemon.status().listeners;
  expect(listener).toMatchObject({ connections: CLIENTS, in_flight: 0, allowed: (CLIENTS * EACH) / 2, troubles: 0 });
});

const FLEET = keysOf(ed25519Pair(), { keyId: "fleet" });
const STRANGER = keysOf(ecPair(), { keyId: "stranger" });
const fleetPair = ed25519Pair();

test(`of ${RELOADS} reloads under load, good and bad, only the good ones decide, each decision by one of them`, {
  timeout: 60_000 + RELOADS * 500,
}, async () => {
  const folder = freshFolder();
  const key = join(folder, "key.pem");
  const path = join(folder, "fleet.tar.gz");
  writeFileSync(key, fleetPair.publicPem);
  const { signing } = keysOf(fleetPair);
  const bundle = (revision: string) => pack(tinyFiles({ revision, data: { revision } }));
  const good = (revision: number) => signBundle(bundle(String(revision)), signing);
  replaceFile(path, await good(1));
  const daemon = await startDaemon({ folder, config: { policies: [{ bundle: path, verify: { key } }] } });
  const revocations: number[] = [];
  const client = daemon.client({ reconnect: false, onRevocation: (generation) => revocations.push(generation) });
  const asking = load(client, 16);
  const events = (name: string) => daemon.log.filter(({ event }) => event === name);
  let revision = 1;
  const kinds: readonly (() => Promise<Uint8Array>)[] = [
    async () => {
      revision += 1;
      return good(revision);
    },
    async () => (await good(revision + 1)).subarray(0, 100),
    async () => bundle(String(revision + 1)),
    async () => signBundle(bundle(String(revision + 1)), STRANGER.signing),
    async () => signBundle(bundle(String(revision + 1)), FLEET.signing),
    async () => good(revision - 1),
    async () => signBundle(pack(tinyFiles({ revision: String(revision), data: { other: true } })), signing),
  ];
  for (let at = 0; at < RELOADS; at += 1) {
    const make = kinds[at % kinds.length] as () => Promise<Uint8Array>;
    const [loaded, refused] = [events("policy_loaded").length, events("policy_refused").length];
    replaceFile(path, await make());
    daemon.signal("SIGHUP");
    const isGood = at % kinds.length === 0;
    await vi.waitFor(
      () => {
        if (isGood) expect(events("policy_loaded").length).toBe(loaded + 1);
        else expect(events("policy_refused").length).toBeGreaterThan(refused);
      },
      { timeout: 10_000, interval: 1 },
    );
  }
  await asking.stop();
  expect(await daemon.stop()).toBe(0);
  const lines = daemon.audit();
  const inForce = new Map(
    lines
      .filter(({ kind }) => kind === "policy_loaded")
      .map((line) => [line["generation"], revisionsOf(line["policies"])]),
  );
  expect([...inForce.values()]).toEqual(Array.from({ length: revision }, (_, at) => [String(at + 1)]));
  const decided = lines.filter(({ kind }) => kind === "decision");
  const wrong = decided.filter(
    ({ result }) => String(revisionsOf(result?.policy)) !== String(inForce.get(result?.generation)),
  );
  expect(wrong).toEqual([]);
  const byId = new Map<unknown, AuditLine>(decided.map((line) => [line.decision_id, line]));
  expect(asking.verdicts.length).toBeGreaterThan(RELOADS);
  for (const { decision_id, generation, decision } of asking.verdicts) {
    expect(byId.get(decision_id)?.result).toMatchObject({ generation, decision });
  }
  expect(revocations).toEqual(Array.from({ length: revision - 1 }, (_, at) => at + 2));
  const refusals = lines.flatMap((line) => (line.kind === "policy_refused" ? [codeIn(line["refusal"])] : []));
  expect([...new Set(refusals)].sort()).toEqual(
    [
      "bundle_format",
      "revision_reused",
      "revision_rollback",
      "signature_algorithm",
      "signature_invalid",
      "signature_missing",
    ].sort(),
  );
});

function revisionsOf(policies: unknown): readonly string[] {
  return (policies as readonly { readonly revision: string }[]).map(({ revision }) => revision);
}

function codeIn(refusal: unknown): string {
  return (refusal as { readonly code: string }).code;
}
