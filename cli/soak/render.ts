/** The report of a soak as text for people. */

import { printable, table } from "../output/table.js";
import type { EnduranceReport } from "./endurance.js";
import type { KillReport } from "./kills.js";
import type { LoadReport } from "./load.js";
import type { ReloadReport } from "./reloader.js";
import type { StormReport } from "./reloads.js";
import type { SoakReport } from "./run.js";
import type { Trend } from "./trend.js";

type Rows = readonly (readonly string[])[];

export function soakText(report: SoakReport): string {
  const parts: readonly (readonly [string, Rows] | null)[] = [
    report.kills === null ? null : ["Killed under load", killRows(report.kills)],
    report.reloads === null ? null : ["Reloaded under load", stormRows(report.reloads)],
    report.endurance === null ? null : [`${report.endurance.minutes} minutes`, enduranceRows(report.endurance)],
  ];
  const texts = parts.flatMap((part) => (part === null ? [] : [`${part[0]}\n${table(part[1], "  ")}`]));
  const broken = report.broken.map((text) => `  ${printable(text)}`);
  const end = broken.length === 0 ? "Every promise was kept.\n" : `Broken\n${broken.join("\n")}\n`;
  return [...texts, end].join("\n");
}

function killRows(found: KillReport): Rows {
  return [
    ["kills", count(found.kills)],
    ["answers", count(found.answered)],
    ["allows that were read", count(found.allows)],
    ["of them not in the log", count(found.missing)],
    ["requests that were cut off", count(found.cut_off)],
    ["ends of the log that were torn", count(found.torn)],
  ];
}

function stormRows(found: StormReport): Rows {
  return [
    ...reloadRows(found.reloads),
    ...loadRows(found.load),
    ["generations put in force", count(found.generations_activated)],
    ["generations that decided", count(found.generations_deciding)],
  ];
}

function enduranceRows(found: EnduranceReport): Rows {
  return [
    ...loadRows(found.load),
    ...reloadRows(found.reloads),
    ["resident memory", trend(found.rss_bytes, mebibytes)],
    ["heap", trend(found.heap_bytes, mebibytes)],
    ["open files", trend(found.open_files, (value) => String(Number(value.toFixed(2))))],
    ["audit log", printable(found.audit)],
    ["told to end, the daemon", printable(found.ended)],
  ];
}

function loadRows({ asked, answered, unanswered, connections, for_want, fault_count }: LoadReport): Rows {
  const want = Object.entries(for_want).map(([code, times]) => `${count(times)} ${printable(code)}`);
  return [
    ["requests", count(asked)],
    ["answers", count(answered)],
    ["never answered", count(unanswered)],
    ["connections", count(connections)],
    ["denied for want of time, room or log", want.length === 0 ? "none" : want.join(", ")],
    ["answers and connections that were wrong", count(fault_count)],
  ];
}

function reloadRows({ reloads, activated, refused }: ReloadReport): Rows {
  const kinds = Object.entries(refused).map(([kind, times]) => `${count(times)} ${kind}`);
  return [
    ["reloads", count(reloads)],
    ["put in force", count(activated)],
    ["refused", kinds.length === 0 ? "none" : kinds.join(", ")],
  ];
}

function trend(found: Trend | null, show: (value: number) => string): string {
  if (found === null) return "too short a time to say";
  const { first, last, growth, slope_per_minute, flat } = found;
  const word = flat ? "flat" : "GROWS";
  return `${show(first)} to ${show(last)}, slope ${show(slope_per_minute)} a minute, ${show(growth)} in all: ${word}`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)} MiB`;
}

function count(value: number): string {
  return value.toLocaleString("en");
}
