/**
 * The path of one request through the daemon: who asks, the gate, the record, the verdict. Everything that goes wrong on it is
 * a denial with its own code. It is run some hundred thousand times a second: no promise, no JSON, no timer of its own.
 */

import { performance } from "node:perf_hooks";
import type { AuditLog } from "../../hooks/audit/audit-log.js";
import type { AuditError } from "../../hooks/audit/errors.js";
import {
  type Authority,
  Decision,
  type GuardedGate,
  type Judged,
  REASONS,
  type ReasonCode,
  reason,
  type TakenEvent,
  takeEvent,
} from "../../hooks/index.js";
import type { Answer } from "../../hooks/socket/connection.js";
import type { WireRequest } from "../../hooks/socket/request.js";
import type { VerdictToSend, WireResult } from "../../hooks/socket/wire.js";
import { type Asker, askedBy } from "./asker.js";
import type { Latencies } from "./tally.js";

export interface JudgingOptions {
  readonly audit: AuditLog;
  readonly latencies: Latencies;
  /** What decides at the moment; null: nothing does. */
  readonly gate: () => GuardedGate | null;
  /** Records that may be under way before launches' results are no longer recorded. */
  readonly maxLag: number;
}

type OwnCode = "claim_refused" | "no_policy" | "audit_unavailable" | "overloaded";

const NOBODY: Authority = Object.freeze({ policy: Object.freeze([]), generation: 0 });

export class Judging {
  readonly #options: JudgingOptions;

  constructor(options: JudgingOptions) {
    this.#options = options;
  }

  /** Answers exactly once. What is answered was recorded, or is a denial. */
  decide(request: WireRequest, asker: Asker, answer: Answer): void {
    const began = performance.now();
    const { event, refused } = askedBy(asker, request, Math.floor(Date.now() / 1000));
    const gate = this.#options.gate();
    if (refused !== null) {
      const judged = denied(event, "claim_refused", "listener", `It claims ${refused}.`, gate ?? NOBODY);
      this.#record(judged, asker, began, answer);
    } else if (gate === null) {
      this.#record(denied(event, "no_policy", "daemon", REASONS.no_policy, NOBODY), asker, began, answer);
    } else {
      gate.judgeWith(event, null, (judged) => this.#record(judged, asker, began, answer));
    }
  }

  /** What a launch then returned, where it is known which. */
  result({ decision_id, outcome, value }: WireResult, { tally }: Asker): void {
    const { audit, maxLag } = this.#options;
    tally.results += 1;
    if (decision_id === null || audit.failure !== null || audit.stats().lag >= maxLag) {
      tally.resultsLost += 1;
      return;
    }
    const launched = outcome === "launched";
    audit.result({
      decision_id,
      errno: launched ? 0 : outcome === "errno" ? value : null,
      einit_error: launched ? 0 : outcome === "sgx_error" ? value : null,
    });
  }

  #record(judged: Judged, asker: Asker, began: number, answer: Answer): void {
    const { audit, latencies } = this.#options;
    const metrics = { timer_server_handler_ns: Math.round((performance.now() - began) * 1e6) };
    audit.append(judged, metrics, (failure) => {
      const { decision } = judged;
      if (failure === null) {
        asker.tally.count(decision);
        // A denial may be of this moment only; an allow is what was judged of these bytes.
        answer(decision, decision.decision === "allow" ? asker.listener.hold_ms : 0);
      } else {
        const unrecorded = unrecordedDenial(decision, failure);
        asker.tally.denyFor(unrecorded.reasons[0]?.code ?? "internal", "audit");
        answer(unrecorded);
      }
      latencies.observe(performance.now() - began);
    });
  }
}

/** A denial that nobody's walk has come to, of what was asked. */
function denied(event: unknown, code: OwnCode & ReasonCode, module: string, message: string, by: Authority): Judged {
  const reasons = Object.freeze([reason(code, module, message)]);
  const verdict = Object.freeze({ decision: "deny", reasons, warnings: [], would_deny: [] } as const);
  const taken = taking(event);
  return { event: taken, opinions: [], decision: new Decision(verdict, taken, by) };
}

function taking(event: unknown): TakenEvent | null {
  try {
    return takeEvent(event);
  } catch {
    return null;
  }
}

/** No id: nothing in the log has it. */
function unrecordedDenial(decision: Decision, failure: AuditError): VerdictToSend {
  const code: OwnCode = failure.code === "lag" ? "overloaded" : "audit_unavailable";
  return {
    decision: "deny",
    errno: 13,
    einit_error: 16,
    generation: decision.generation,
    decision_id: null,
    sigstruct_sha256: decision.sigstruct_sha256,
    token_sha256: decision.token_sha256,
    reasons: [{ code, message: code === "overloaded" ? failure.message : REASONS[code] }],
  };
}
