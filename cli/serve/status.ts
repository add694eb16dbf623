/** What the running daemon is: for `launchgate status`, and for metrics. */

import type { AuditLog } from "../../hooks/audit/audit-log.js";
import type { GuardedGate, PolicyGeneration } from "../../hooks/index.js";
import { packageVersion } from "../policy/shipped.js";
import type { Config } from "./config.js";
import type { OpenListener, Reloads } from "./daemon.js";

/** What is known of the daemon where it is asked. */
interface Sources {
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly file: string | null;
  readonly config: Config;
  readonly listeners: readonly OpenListener[];
  readonly identity: boolean;
  readonly active: PolicyGeneration<GuardedGate> | null;
  readonly gate: GuardedGate | null;
  readonly audit: AuditLog | null;
  readonly reloads: Reloads;
  readonly stopping: boolean;
}

export type Status = ReturnType<typeof statusOf>;

export function statusOf(sources: Sources) {
  const { started, file, config, listeners, identity, active, gate, audit, reloads, stopping } = sources;
  const { durability, on_failure } = config.audit;
  const recording = audit?.stats() ?? null;
  const state = stopping ? "stopping" : gate === null ? "no_policy" : recording?.failure === null ? "ok" : "no_audit";
  return {
    version: packageVersion(),
    pid: process.pid,
    state,
    started: new Date(started).toISOString(),
    uptime_seconds: Math.floor((Date.now() - started) / 1000),
    config: file,
    identity,
    generation: gate?.generation ?? 0,
    policies: active?.policies ?? [],
    modules: {
      order: gate?.modules ?? config.modules.order,
      permissive: config.modules.permissive,
      lockdown: config.modules.lockdown,
    },
    deadline_ms: config.deadline_ms,
    listeners: listeners.map(({ config: { path, origin, enforcement, identity: needs, hold_ms }, server, tally }) => ({
      path,
      origin,
      enforcement,
      identity: needs,
      hold_ms,
      ...server.stats(),
      allowed: tally.allowed,
      denied: tally.denied,
      would_deny: tally.wouldDeny,
      results: tally.results,
      results_lost: tally.resultsLost,
      reasons: tally.reasons(),
    })),
    evaluators: gate?.stats() ?? null,
    audit: recording === null ? null : { durability, on_failure, ...recording },
    reloads,
    memory_bytes: process.memoryUsage.rss(),
  };
}
