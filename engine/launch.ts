/**
 * The path of one event, from whatever was handed in to one decision. Never throws: an error on the way is a denial
 * with its own code. (The other place where errors become denials is around one module's call, in the stack.)
 */

import { type Authority, Decision, type Opinion, type Reason, reason, type Verdict, type Walk } from "./decision.js";
import { EventError, type TakenEvent, takeEvent } from "./event.js";
import { takeQuickly } from "./quick-event.js";
import type { Recent } from "./recent.js";
import { decodeLaunch, type Launch, type SignatureCheck } from "./request.js";

/** What judges a decoded launch. The sealed module stack is one. */
export interface Judge extends Authority {
  readonly signatureCheck: SignatureCheck | undefined;
  /** Structures that were seen before; one for all generations will do. */
  readonly recent: Recent;
  readonly walk: (launch: Launch) => Walk;
}

/** A decision together with the event as it was taken over: what was judged, not what the caller may show next time. */
export interface Judged {
  readonly decision: Decision;
  /** Null where what was handed in is no event. */
  readonly event: TakenEvent | null;
  /** What each module that was asked has said; empty where none was. */
  readonly opinions: readonly Opinion[];
}

/**
 * Decides one event: takes over the bytes, decodes, asks the judge, and binds the answer to the bytes judged. The
 * judge is immutable, so a reload during the event changes nothing. Whoever asked must launch exactly those bytes.
 */
export function decide(given: unknown, judge: Judge): Judged {
  let event: TakenEvent | null = null;
  try {
    event = takeQuickly(given, judge.recent) ?? takeEvent(given, judge.recent);
    const launch = decodeLaunch(event, judge.signatureCheck);
    const { verdict, opinions } = judge.walk(launch);
    return { event, opinions, decision: new Decision(verdict, event, judge) };
  } catch (error) {
    return { event, opinions: [], decision: new Decision(denied(error), event, judge) };
  }
}

function denied(error: unknown): Verdict {
  return Object.freeze({ decision: "deny", reasons: Object.freeze([reasonOf(error)]), warnings: [], would_deny: [] });
}

/** Only our own words: the message of a foreign error may be a lie, a secret or a getter. */
function reasonOf(error: unknown): Reason {
  return error instanceof EventError ? reason(error.code, "event", error.message) : reason("internal", "engine");
}
