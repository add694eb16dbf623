/** Minutes of mixed load on one daemon, with connections that come and go and policies that change: its memory stays flat. */

import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { DaemonProcess } from "../bench/daemon-process.js";
import { verifyAudit } from "./audit.js";
import type { Soak } from "./folder.js";
import { Load, type LoadReport } from "./load.js";
import { Reloader, type ReloadReport } from "./reloader.js";
import { type Sample, type Trend, trendOf } from "./trend.js";

export interface EnduranceReport {
  readonly minutes: number;
  readonly load: LoadReport;
  readonly reloads: ReloadReport;
  /** Of the whole process, of its main thread's JavaScript heap, and how many files it has open; null: too short to say. */
  readonly rss_bytes: Trend | null;
  readonly heap_bytes: Trend | null;
  readonly open_files: Trend | null;
  /** How the daemon ended once it was told to. */
  readonly ended: string;
  readonly audit: string;
  readonly broken: readonly string[];
}

const CONNECTIONS = 16;
const IN_FLIGHT = 16;
const KEPT_FILES = 4;
const SAMPLES = 120;
const RELOAD_MS = 2000;
const LEEWAY = { rss: 16 * 1024 * 1024, heap: 4 * 1024 * 1024, files: 4 } as const;

export async function endurance(
  { folder, bundles, perSecond, progress }: Soak,
  minutes: number,
): Promise<EnduranceReport> {
  const place = await bundles.place(join(folder, "endurance"), { durability: "before", keepFiles: KEPT_FILES });
  const daemon = await DaemonProcess.start(place.settings);
  const lasts = minutes * 60_000;
  const started = performance.now();
  const since = (): number => performance.now() - started;
  const samples = { rss: [] as Sample[], heap: [] as Sample[], files: [] as Sample[] };
  const reloader = new Reloader(daemon, bundles, place.bundle, 1);
  const load = new Load({
    ...{ path: daemon.socket, prober: bundles.prober, connections: CONNECTIONS, inFlight: IN_FLIGHT, perSecond },
    ...{ churn: true, mayVanish: false, onVerdict: () => undefined },
  });
  try {
    let reloadAt = RELOAD_MS;
    const every = Math.max(250, lasts / SAMPLES);
    for (let at = every; at <= lasts; at += every) {
      while (since() < at) {
        if (since() >= reloadAt) {
          await reloader.step();
          reloadAt = since() + RELOAD_MS;
        }
        await setTimeout(Math.min(100, Math.max(0, at - since())));
      }
      const seconds = since() / 1000;
      samples.heap.push({ seconds, value: await daemon.heapBytes() });
      samples.rss.push({ seconds, value: daemon.rssBytes() });
      samples.files.push({ seconds, value: daemon.openFiles() });
      progress(`${Math.round((100 * since()) / lasts)} %, ${load.answered.toLocaleString("en")} answers`);
    }
    const report = await load.stop();
    const ended = await daemon.stop();
    const audit = verifyAudit(daemon.auditFolder, place.checkpointKey);
    const found = {
      minutes,
      load: report,
      reloads: reloader.report(),
      rss_bytes: trendOf(samples.rss, LEEWAY.rss),
      heap_bytes: trendOf(samples.heap, LEEWAY.heap),
      open_files: trendOf(samples.files, LEEWAY.files),
      ended,
      audit: audit.intact ? "intact" : audit.text,
    };
    return { ...found, broken: brokenBy(found) };
  } finally {
    load.abandon();
    await daemon.kill();
  }
}

function brokenBy(found: Omit<EnduranceReport, "broken">): readonly string[] {
  const { load, reloads, ended, audit } = found;
  const trends = [
    ["resident memory", found.rss_bytes],
    ["the heap", found.heap_bytes],
    ["the number of open files", found.open_files],
  ] as const;
  return [
    ...load.faults,
    ...reloads.faults,
    ...trends.flatMap(([name, trend]) =>
      trend === null || trend.flat ? [] : [`${name} grew by ${trend.growth}, expected at most ${trend.allowed}`],
    ),
    ...(ended === "ended with 0" ? [] : [`told to end, the daemon ${ended}`]),
    ...(audit === "intact" ? [] : [`the audit log is not intact: ${audit}`]),
  ];
}
