/**
 * Metrics in Prometheus' text format, by prom-client. Nothing is counted here: at each scrape the registry is filled with what
 * the daemon has counted itself.
 */

import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Status } from "./status.js";
import { LATENCY_BOUNDS, type Latencies } from "./tally.js";

export interface Metrics {
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

export function createMetrics(status: () => Status, latencies: Latencies): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: readonly string[] = []): Counter =>
    new Counter({ name: `launchgate_${name}`, help, labelNames: [...labelNames], registers });
  const gauge = (name: string, help: string, labelNames: readonly string[] = []): Gauge =>
    new Gauge({ name: `launchgate_${name}`, help, labelNames: [...labelNames], registers });

  const decisions = counter("decisions_total", "Decisions that were answered", [
    "decision",
    "reason",
    "module",
    "origin",
    "listener",
  ]);
  const wouldDeny = counter("would_deny_total", "Allows that a permissive module would have denied", ["listener"]);
  const results = counter("results_total", "Launches whose result was reported", ["listener"]);
  const connections = gauge("connections", "Open connections", ["listener"]);
  const inFlight = gauge("in_flight", "Requests that are not answered yet", ["listener"]);
  const held = gauge("held_bytes", "Bytes held for connections", ["listener"]);
  const troubles = counter("connection_troubles_total", "Connections refused, cut or ended by an error", ["listener"]);
  const queued = gauge("evaluator_queue", "Questions that wait for an evaluator");
  const running = gauge("evaluators_running", "Questions that are being evaluated");
  const evaluated = gauge("generation_evaluated", "Questions that the evaluators of this generation have answered");
  const remembered = gauge("generation_remembered", "Questions of this generation that had been answered before");
  const replaced = gauge("generation_replaced", "Evaluators of this generation that had to be replaced");
  const generation = gauge("policy_generation", "The policy generation in force; 0: none is");
  const reloads = counter("policy_events_total", "Policy generations put in force, and refusals", ["outcome"]);
  const policies = gauge("policy_info", "The policies in force", ["name", "revision", "sha256", "verified"]);
  const auditLag = gauge("audit_lag_records", "Records under way to the audit log");
  const auditAppended = counter("audit_records_total", "Records handed to the audit log");
  const auditRefused = counter("audit_refused_total", "Records that could not be written");
  const auditUp = gauge("audit_up", "1 while decisions can be recorded");

  const fill = (now: Status): void => {
    registry.resetMetrics();
    for (const listener of now.listeners) {
      const { path, origin } = listener;
      const labels = { listener: path };
      if (listener.allowed > 0) {
        decisions.inc({ ...labels, origin, decision: "allow", reason: "", module: "" }, listener.allowed);
      }
      for (const { code, module, count } of listener.reasons) {
        decisions.inc({ ...labels, origin, decision: "deny", reason: code, module }, count);
      }
      wouldDeny.inc(labels, listener.would_deny);
      results.inc(labels, listener.results);
      connections.set(labels, listener.connections);
      inFlight.set(labels, listener.in_flight);
      held.set(labels, listener.held_bytes);
      troubles.inc(labels, listener.troubles);
    }
    queued.set(now.evaluators?.queued ?? 0);
    running.set(now.evaluators?.running ?? 0);
    evaluated.set(now.evaluators?.evaluated ?? 0);
    remembered.set(now.evaluators?.remembered ?? 0);
    replaced.set(now.evaluators?.replaced ?? 0);
    generation.set(now.generation);
    reloads.inc({ outcome: "activated" }, now.reloads.activated);
    reloads.inc({ outcome: "refused" }, now.reloads.refused);
    for (const { name, revision, sha256, verified } of now.policies) {
      policies.set({ name, revision, sha256, verified: String(verified) }, 1);
    }
    auditLag.set(now.audit?.lag ?? 0);
    auditAppended.inc(now.audit?.appended ?? 0);
    auditRefused.inc(now.audit?.refused ?? 0);
    auditUp.set(now.audit?.failure === null ? 1 : 0);
  };
  return {
    contentType: registry.contentType,
    text: async () => {
      fill(status());
      return `${await registry.metrics()}\n${histogram(latencies)}`;
    },
  };
}

/** prom-client's own histogram can only be told of one value after the other. */
function histogram(latencies: Latencies): string {
  const name = "launchgate_decision_seconds";
  const { counts, sumSeconds } = latencies.cumulative();
  const bounds = [...LATENCY_BOUNDS.map(String), "+Inf"];
  return [
    `# HELP ${name} From reading a request to answering it`,
    `# TYPE ${name} histogram`,
    ...counts.map((count, at) => `${name}_bucket{le="${bounds[at]}"} ${count}`),
    `${name}_sum ${sumSeconds}`,
    `${name}_count ${counts.at(-1) ?? 0}`,
    "",
  ].join("\n");
}
