/**
 * How fast a log is replayed, and what that leaves in memory: the path of `launchgate replay`, but for the disk. The records
 * are the gate's own, each of an enclave of its own and a second of its own, so that none is answered from memory.
 */

import { auditRecord, createGate, type PolicyBundle } from "../../hooks/index.js";
import type { LogSource } from "../replay/log-source.js";
import { replay } from "../replay/run.js";
import { collector, heldBytes } from "./memory.js";
import { rounded } from "./statistics.js";
import { eventStream } from "./workload.js";

export interface ReplaySpeed {
  readonly records: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly records_per_second: number;
  /** Heap and external, collected: more after than before. */
  readonly growth_bytes: number;
  readonly rss_growth_bytes: number;
}

/** Records that are made before; the log is made of them in turn. */
const RECORDS = 4096;
/** About as much as a read from disk gives. */
const CHUNK_RECORDS = 64;

export async function measureReplay(
  policies: readonly PolicyBundle[],
  template: Uint8Array,
  count: number,
): Promise<ReplaySpeed> {
  const chunks = chunksOf(policies, template);
  const collect = collector();
  const run = (records: number) =>
    replay(
      {
        ...{ policies, lockdown: "none", signatureCheck: "auto", old: null, would: false, examples: 3 },
        sources: [logOf(chunks, records)],
        filter: { since: null, until: null, origins: null, hooks: null, limit: records },
      },
      { at: () => undefined, clear: () => undefined },
    );
  await run(Math.min(count, RECORDS));
  collect();
  const before = heldBytes();
  const rss = process.memoryUsage.rss();
  const started = process.hrtime.bigint();
  const { summary, counts } = await run(count);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  collect();
  if (summary.records !== count || counts.same !== count) throw new Error("the replay did not decide as before");
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0) / RECORDS;
  return {
    records: count,
    bytes: Math.round(size * count),
    seconds: rounded(seconds),
    records_per_second: Math.round(count / seconds),
    growth_bytes: heldBytes() - before,
    rss_growth_bytes: process.memoryUsage.rss() - rss,
  };
}

function chunksOf(policies: readonly PolicyBundle[], template: Uint8Array): readonly Uint8Array[] {
  const gate = createGate({ policies });
  const events = eventStream({ template, signers: "listed", enclaves: "new", series: 11 });
  const line = (at: number): string => {
    const judged = gate.judge({ ...events(at), time: 1_795_300_000 + at });
    return `${JSON.stringify(auditRecord(judged, { signatureCheck: "never" }))}\n`;
  };
  return Array.from({ length: RECORDS / CHUNK_RECORDS }, (_, chunk) =>
    Buffer.from(Array.from({ length: CHUNK_RECORDS }, (__, at) => line(chunk * CHUNK_RECORDS + at)).join("")),
  );
}

function logOf(chunks: readonly Uint8Array[], records: number): LogSource {
  return {
    name: "generated",
    sizeBytes: null,
    open: async function* () {
      for (let at = 0; at * CHUNK_RECORDS <= records; at += 1) yield chunks[at % chunks.length] ?? new Uint8Array();
    },
  };
}
