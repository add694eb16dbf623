/**
 * The question that EINIT's checks answer for nearly every launch with "nothing", asked in a few words of 32 bits.
 *
 * INVARIANT: where this is true, `checkEinit` refuses nothing and `sigstructFindings` finds nothing; test/quick.test.ts
 * holds it against both. Where it is false, they have to be asked: it is no refusal. Only what follows from the SIGSTRUCT's
 * bytes alone is remembered between events; SECS, token and platform are looked at each time.
 */

import { TakenEvent, TakenSecs } from "./event.js";
import { WORD } from "./recent.js";
import { Launch } from "./request.js";
import type { Word64 } from "./words.js";

/** FLAGS.EINITTOKENKEY: whoever has it must be signed by the launch enclave's signer. */
const EINITTOKENKEY = 0x20;
const INIT = 0x1;
const CET = 0x40;
const X87_SSE = 0x3;

/** Whether there is certainly nothing that EINIT would refuse as far as software can tell, and nothing odd to report. */
export function isUnremarkable(launch: Launch, lepubkeyhash: string | null): boolean {
  const seen = Launch.seenOf(launch);
  if (seen === null || !seen.plain || launch.signature === "invalid") return false;
  if (lepubkeyhash !== null && lepubkeyhash !== seen.signer.mrsigner) return false;
  const token = TakenEvent.tokenOf(launch.event);
  if (token !== null && !isAbsent(token)) return false;
  const { words } = seen;
  const demanded = (words[WORD.attributes] as number) & (words[WORD.attributemask] as number);
  if ((demanded & (EINITTOKENKEY | CET)) !== 0) return false;
  const { secs } = launch.event;
  if (secs === null) return true;
  const own = TakenSecs.wordsOf(secs);
  if (own.cet !== null && own.cet.low !== 0) return false;
  if ((own.flags.low & own.knownFlags.low & (EINITTOKENKEY | INIT | CET)) !== 0) return false;
  if ((~own.xfrm.low & own.knownXfrm.low & X87_SSE) !== 0) return false;
  if (!matches(words, 0, own.flags, own.knownFlags, own.allowedFlags)) return false;
  if (!matches(words, 2, own.xfrm, own.knownXfrm, own.allowedXfrm)) return false;
  const { miscselect, miscselectKnown } = own;
  if (miscselect === null || miscselectKnown === null) return true;
  const differs = miscselect.low ^ (words[WORD.miscselect] as number);
  return (differs & miscselectKnown.low & (words[WORD.miscmask] as number)) === 0;
}

/** One word of SECS.ATTRIBUTES under the mask, where it is known; what is neither known nor allowed is off. */
function matches(words: Uint32Array, at: number, value: Word64, known: Word64, allowed: Word64 | null): boolean {
  const low = (value.low & known.low) ^ (words[WORD.attributes + at] as number);
  const high = (value.high & known.high) ^ (words[WORD.attributes + at + 1] as number);
  const certainLow = allowed === null ? known.low : known.low | ~allowed.low;
  const certainHigh = allowed === null ? known.high : known.high | ~allowed.high;
  return (
    (low & certainLow & (words[WORD.attributemask + at] as number)) === 0 &&
    (high & certainHigh & (words[WORD.attributemask + at + 1] as number)) === 0
  );
}

/** VALID is 0: EINIT takes it for no token at all. */
function isAbsent(token: Uint8Array): boolean {
  return (token[0] as number) === 0 && token[1] === 0 && token[2] === 0 && token[3] === 0;
}
