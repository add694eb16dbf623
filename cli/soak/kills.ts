/**
 * kill -9 under load, again and again, on one log: no client has ever read an allow that is not in the log after the restart,
 * and the log verifies, with a torn end at most until the daemon has repaired it.
 */

import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DaemonProcess } from "../bench/daemon-process.js";
import { verifyAudit } from "./audit.js";
import type { Soak } from "./folder.js";
import { Load } from "./load.js";
import { LogTail } from "./log-tail.js";

export interface KillReport {
  readonly kills: number;
  /** Allows that clients have read. */
  readonly allows: number;
  readonly answered: number;
  /** Asked, and cut off by the kill. */
  readonly cut_off: number;
  /** Allows that are not in the log. */
  readonly missing: number;
  /** How often the log's end was torn. */
  readonly torn: number;
  readonly broken: readonly string[];
}

const CONNECTIONS = 8;
const IN_FLIGHT = 16;
const LEAST_MS = 50;
const SPREAD_MS = 350;
const MAX_BROKEN = 20;

export async function kills({ folder, bundles, perSecond, progress }: Soak, count: number): Promise<KillReport> {
  const place = await bundles.place(join(folder, "kills"), { durability: "before", keepFiles: null });
  const broken: string[] = [];
  const promise = (text: string): void => {
    if (broken.length < MAX_BROKEN) broken.push(text);
  };
  const sums = { allows: 0, answered: 0, cut_off: 0, missing: 0, torn: 0 };
  let daemon = await DaemonProcess.start(place.settings);
  const tail = new LogTail(daemon.auditFolder);
  try {
    for (let at = 1; at <= count; at += 1) {
      const allowed = new Set<string>();
      const load = new Load({
        ...{ path: daemon.socket, prober: bundles.prober, connections: CONNECTIONS, inFlight: IN_FLIGHT, perSecond },
        ...{ churn: false, mayVanish: true },
        onVerdict: (_, { decision, decision_id }) => {
          if (decision === "allow") allowed.add(decision_id ?? "an allow without an id");
        },
      });
      // Evenly spread over the cycle of asking, writing and answering.
      await setTimeout(LEAST_MS + ((at * 7919) % SPREAD_MS));
      await daemon.kill();
      const { answered, unanswered, faults } = await load.stop();
      for (const fault of faults) promise(`kill ${at}: ${fault}`);
      const dead = verifyAudit(daemon.auditFolder, place.checkpointKey);
      const worse = dead.faults.filter((kind) => kind !== "torn");
      if (worse.length > 0) promise(`kill ${at}: the log was left ${worse.join(", ")}`);
      if (dead.faults.includes("torn")) sums.torn += 1;
      sums.allows += allowed.size;
      sums.answered += answered;
      sums.cut_off += unanswered;
      daemon = await DaemonProcess.start(place.settings);
      const { intact, text } = verifyAudit(daemon.auditFolder, place.checkpointKey);
      if (!intact) promise(`kill ${at}: the log does not verify after the restart: ${text}`);
      tail.read(({ decision_id, result }) => {
        if (decision_id !== undefined && result?.decision === "allow") allowed.delete(decision_id);
      });
      sums.missing += allowed.size;
      if (allowed.size > 0) promise(`kill ${at}: ${allowed.size} allows were read that are not in the log`);
      progress(`kill ${at} of ${count}`);
    }
    return { kills: count, ...sums, broken };
  } finally {
    await daemon.kill();
  }
}
