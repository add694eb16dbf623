/** One soak: the parts that were asked for, one after the other, to one report. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../io.js";
import { packageVersion } from "../policy/shipped.js";
import { SoakBundles } from "./bundles.js";
import { type EnduranceReport, endurance } from "./endurance.js";
import type { Soak } from "./folder.js";
import { type KillReport, kills } from "./kills.js";
import { reloadStorm, type StormReport } from "./reloads.js";

export interface SoakGiven {
  /** Null: this part is left out. */
  readonly minutes: number | null;
  readonly kills: number | null;
  readonly reloads: number | null;
  readonly perSecond: number;
  readonly progress: (text: string) => void;
}

export interface SoakReport {
  readonly schema: "launchgate-soak-v1";
  /** RFC 3339. */
  readonly date: string;
  readonly launchgate: string;
  readonly node: string;
  readonly seconds: number;
  readonly per_second: number;
  readonly endurance: EnduranceReport | null;
  readonly kills: KillReport | null;
  readonly reloads: StormReport | null;
  /** Every promise that was not kept, in words; empty: all were. */
  readonly broken: readonly string[];
}

export async function runSoak(given: SoakGiven, io: Io): Promise<SoakReport> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "launchgate-soak-"));
  try {
    const soak: Soak = {
      folder,
      bundles: await SoakBundles.make(io),
      perSecond: given.perSecond,
      progress: given.progress,
    };
    const storm = given.kills === null ? null : await kills(soak, given.kills);
    const reloads = given.reloads === null ? null : await reloadStorm(soak, given.reloads);
    const long = given.minutes === null ? null : await endurance(soak, given.minutes);
    return {
      schema: "launchgate-soak-v1",
      date: new Date().toISOString(),
      launchgate: packageVersion(),
      node: process.versions.node,
      seconds: Math.round((performance.now() - started) / 100) / 10,
      per_second: given.perSecond,
      endurance: long,
      kills: storm,
      reloads,
      broken: [storm, reloads, long].flatMap((part) => part?.broken ?? []),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
