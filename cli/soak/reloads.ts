/**
 * Reload after reload under load, good bundles and such as must be refused in turn: every decision names exactly one
 * generation that was in force, is the one that generation's policy makes, and is in the log once.
 */

import { join } from "node:path";
import { DaemonProcess } from "../bench/daemon-process.js";
import { verifyAudit } from "./audit.js";
import type { Soak } from "./folder.js";
import { Load, type LoadReport } from "./load.js";
import { LogTail } from "./log-tail.js";
import { Reloader, type ReloadReport } from "./reloader.js";

export interface StormReport {
  readonly load: LoadReport;
  readonly reloads: ReloadReport;
  /** That decisions were made by, and that the log says were put in force. */
  readonly generations_deciding: number;
  readonly generations_activated: number;
  readonly broken: readonly string[];
}

const CONNECTIONS = 8;
const IN_FLIGHT = 16;
const MAX_BROKEN = 20;
/** Reloads, after which the log is read on. */
const READ_EVERY = 20;

/** What a client was told, until the log has said the same. */
interface Told {
  readonly decision: string;
  readonly generation: number;
}

/** What the log says, against what clients were told. */
class Ledger {
  readonly #told = new Map<string, Told>();
  /** In the log, and not told yet: on its way. */
  readonly #early = new Map<string, Told>();
  /** By generation its policy's revision. */
  readonly #activated = new Map<number, number>();
  /** By generation whether the probe `turn` was allowed. */
  readonly #turns = new Map<number, Set<boolean>>();
  readonly #deciding = new Set<number>();
  readonly broken: string[] = [];

  get deciding(): number {
    return this.#deciding.size;
  }

  get activated(): number {
    return this.#activated.size;
  }

  told(probe: string, id: string | null, told: Told): void {
    if (id === null) return;
    this.#deciding.add(told.generation);
    if (probe === "turn") {
      const turns = this.#turns.get(told.generation) ?? new Set();
      this.#turns.set(told.generation, turns.add(told.decision === "allow"));
    }
    this.#match(id, told, this.#told, this.#early);
  }

  logged(id: string, logged: Told): void {
    this.#match(id, logged, this.#early, this.#told);
  }

  putInForce(generation: number, revision: number): void {
    if (this.#activated.has(generation)) this.#break(`generation ${generation} was put in force twice`);
    this.#activated.set(generation, revision);
  }

  end(): void {
    if (this.#told.size > 0) this.#break(`${this.#told.size} decisions were answered that are not in the log`);
    if (this.#early.size > 0) this.#break(`${this.#early.size} decisions are in the log that nobody was told`);
    for (const generation of this.#deciding) {
      if (!this.#activated.has(generation)) this.#break(`generation ${generation} decided, and was never in force`);
    }
    for (const [generation, turns] of this.#turns) {
      const odd = (this.#activated.get(generation) ?? 0) % 2 === 1;
      if (turns.size !== 1 || !turns.has(odd)) this.#break(`generation ${generation} did not decide by its own policy`);
    }
  }

  #match(id: string, entry: Told, mine: Map<string, Told>, theirs: Map<string, Told>): void {
    const other = theirs.get(id);
    if (other === undefined) {
      if (mine.has(id)) this.#break(`decision ${id} is there twice`);
      mine.set(id, entry);
      return;
    }
    theirs.delete(id);
    if (other.decision !== entry.decision || other.generation !== entry.generation) {
      this.#break(`decision ${id} is another in the log than the one that was answered`);
    }
  }

  #break(text: string): void {
    if (this.broken.length < MAX_BROKEN) this.broken.push(text);
  }
}

export async function reloadStorm({ folder, bundles, perSecond, progress }: Soak, count: number): Promise<StormReport> {
  const place = await bundles.place(join(folder, "reloads"), { durability: "before", keepFiles: null });
  const daemon = await DaemonProcess.start(place.settings);
  const tail = new LogTail(daemon.auditFolder);
  const ledger = new Ledger();
  const readOn = (): void =>
    tail.read(({ kind, decision_id, result, generation, policies }) => {
      if (kind === "decision" && decision_id !== undefined && result !== undefined) ledger.logged(decision_id, result);
      if (kind === "policy_loaded" && typeof generation === "number") {
        ledger.putInForce(generation, Number(policies?.[0]?.revision));
      }
    });
  const reloader = new Reloader(daemon, bundles, place.bundle, 1);
  const load = new Load({
    ...{ path: daemon.socket, prober: bundles.prober, connections: CONNECTIONS, inFlight: IN_FLIGHT, perSecond },
    ...{ churn: true, mayVanish: false },
    onVerdict: ({ name }, { decision, decision_id, generation }) =>
      ledger.told(name, decision_id, { decision, generation }),
  });
  try {
    for (let at = 1; at <= count; at += 1) {
      await reloader.step();
      if (at % READ_EVERY === 0) readOn();
      progress(`reload ${at} of ${count}`);
    }
    const report = await load.stop();
    const ended = await daemon.stop();
    readOn();
    ledger.end();
    const { intact, text } = verifyAudit(daemon.auditFolder, place.checkpointKey);
    const reloads = reloader.report();
    return {
      load: report,
      reloads,
      generations_deciding: ledger.deciding,
      generations_activated: ledger.activated,
      broken: [
        ...report.faults,
        ...reloads.faults,
        ...ledger.broken,
        ...(ended === "ended with 0" ? [] : [`told to end, the daemon ${ended}`]),
        ...(intact ? [] : [`the audit log is not intact: ${text}`]),
      ],
    };
  } finally {
    load.abandon();
    await daemon.kill();
  }
}
