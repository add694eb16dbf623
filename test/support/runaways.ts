/** Policies that run away, and the launches that make them: by ISVSVN, so that all others are answered as usual. */

import type { LaunchEvent, PolicyBundle } from "../../hooks/index.js";
import { makeEvent } from "./events.js";
import { policyOf } from "./policies.js";
import { makeSigstruct } from "./sigstructs.js";

const rego = (rule: string): string => `package launch

# METADATA
# entrypoint: true
decision := {"allow": true, "deny": [], "warn": []} if input.enclave.isvsvn < 100

decision := {"allow": true, "deny": [], "warn": warn} if {
	input.enclave.isvsvn >= 100
	warn := runaway
}

${rule}
`;

/** ISVSVN 100 and more: some 400 million turns, minutes of them. */
export const LOOPER: PolicyBundle = policyOf(
  rego(`runaway := [] if {
	count([1 | some x in numbers.range(1, 20000); some y in numbers.range(1, 20000); x * y == -1]) == 0
}`),
);

/** ISVSVN 100 and more: as many thousand turns, each some tenths of a microsecond. */
export const SLOW: PolicyBundle = policyOf(
  rego(`runaway := [] if {
	count([1 | some x in numbers.range(1, input.enclave.isvsvn); some y in numbers.range(1, 1000); x * y == -1]) == 0
}`),
);

/** ISVSVN 100 and more: an answer that takes more than a small heap to read. */
export const GLUTTON: PolicyBundle = policyOf(
  rego(`runaway := [{"code": "x", "message": "m", "much": much}] if {
	much := [[y, y, y, y] | some x in numbers.range(1, 40000); y := [[[[x]]]]]
}`),
);

/** A launch of that ISVSVN; made in front, since signing takes its time. */
export function launchOf(isvsvn: number, overrides: Partial<LaunchEvent> = {}): LaunchEvent {
  return { ...makeEvent({ sigstruct: makeSigstruct({ isvsvn }) }), ...overrides };
}
