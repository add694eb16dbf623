/**
 * What it means when a bit of ATTRIBUTES, MISCSELECT or CET_ATTRIBUTES changes in a SIGSTRUCT, or becomes free or enforced.
 * Truth: Intel SDM vol. 3D, "SECS.ATTRIBUTES", "SECS.MISCSELECT", "SECS.CET_ATTRIBUTES Field" and the EINIT page, which
 * compares the SECS with the SIGSTRUCT only where the mask is set.
 */

import { ATTRIBUTE_FLAGS, CET_ATTRIBUTE_BITS, hex64, MISCSELECT_BITS, XFRM_FEATURES } from "./attributes.js";

/** `weaker`: less is guarded than before, or more is granted; `stronger`: the reverse; `neutral`: neither. */
export type ChangeWeight = "weaker" | "stronger" | "neutral";

/** One thing that changed. */
export type SigstructChange = {
  /** The SDM's name in lower case, with dots: `attributes.bits.debug`. */
  readonly field: string;
  /** Null where it was or is absent. */
  readonly before: string | null;
  readonly after: string | null;
  /** What the change means, in a sentence; null where the field says it all. */
  readonly meaning: string | null;
  readonly weight: ChangeWeight;
};

/** A word of bits and the mask under which EINIT compares it. */
export type MaskedWord = { readonly value: bigint; readonly mask: bigint };

/** The fields that hold a word and its mask, and the names of the word's bits by position. */
export type BitFields = {
  readonly value: string;
  readonly mask: string;
  /** The fields' own names for the word as a whole, where bits without a name changed. */
  readonly valueWord: string;
  readonly maskWord: string;
  /** Hex digits of the word. */
  readonly digits: 2 | 8 | 16;
  readonly bits: Readonly<Record<string, number>>;
};

export const FLAGS_FIELDS: BitFields = {
  value: "attributes",
  mask: "attributemask",
  valueWord: "attributes.flags",
  maskWord: "attributemask.flags",
  digits: 16,
  bits: ATTRIBUTE_FLAGS,
};

export const XFRM_FIELDS: BitFields = {
  ...FLAGS_FIELDS,
  valueWord: "attributes.xfrm",
  maskWord: "attributemask.xfrm",
  bits: XFRM_FEATURES,
};

export const MISC_FIELDS: BitFields = {
  value: "miscselect",
  mask: "miscmask",
  valueWord: "miscselect",
  maskWord: "miscmask",
  digits: 8,
  bits: MISCSELECT_BITS,
};

export const CET_FIELDS: BitFields = {
  value: "cet_attributes",
  mask: "cet_attributes_mask",
  valueWord: "cet_attributes",
  maskWord: "cet_attributes_mask",
  digits: 2,
  bits: CET_ATTRIBUTE_BITS,
};

type BitWords = {
  /** What a launch with the bit has. */
  readonly with: string;
  /** The state that guards more; null where neither does. */
  readonly safer: "on" | "off" | null;
};

/** Bits that stand for more than a register set. */
const BIT_WORDS: Readonly<Record<string, BitWords>> = {
  init: { with: "no enclave has it before EINIT, so that nothing launches", safer: "off" },
  debug: { with: "the enclave's memory can be read and written from outside", safer: "off" },
  mode64bit: { with: "the enclave runs in 64-bit mode", safer: null },
  provisionkey: {
    with: "the enclave can derive the provisioning key, a lasting identity of the platform",
    safer: "off",
  },
  einittokenkey: { with: "the enclave can derive the launch key, with which EINITTOKENs are made", safer: "off" },
  cet: { with: "CET guards its control flow", safer: "on" },
  kss: { with: "the enclave's keys can depend on CONFIGID, CONFIGSVN, ISVEXTPRODID and ISVFAMILYID", safer: null },
  aexnotify: { with: "the enclave is told of asynchronous exits, which makes single-stepping it harder", safer: "on" },
  exinfo: { with: "the enclave is told the addresses of its page faults", safer: null },
  cpinfo: { with: "the enclave is told the error codes of its control protection faults", safer: null },
  sh_stk_en: { with: "a shadow stack guards its returns", safer: "on" },
  wr_shstk_en: { with: "the enclave may write its shadow stack", safer: "off" },
  endbr_en: { with: "indirect branches land on ENDBR only", safer: "on" },
  leg_iw_en: { with: "code without ENDBR is excepted by a bitmap", safer: "off" },
  no_track_en: { with: "NOTRACK branches are not checked", safer: "off" },
  suppress_dis: { with: "tracking of indirect branches cannot be suppressed", safer: "on" },
};

/** What the mask makes of a bit: every launch has it, none has it, or the launcher chooses. */
type Pinning = "on" | "off" | "free";

/** The changes of a word's bits, and of its mask's, each in the order of the bits; whole words for bits without a name. */
export function bitChanges(
  fields: BitFields,
  before: MaskedWord,
  after: MaskedWord,
): { readonly value: readonly SigstructChange[]; readonly mask: readonly SigstructChange[] } {
  const value: SigstructChange[] = [];
  const mask: SigstructChange[] = [];
  let named = 0n;
  for (const [name, position] of Object.entries(fields.bits)) {
    const bit = 1n << BigInt(position);
    named |= bit;
    const valueChanged = ((before.value ^ after.value) & bit) !== 0n;
    const maskChanged = ((before.mask ^ after.mask) & bit) !== 0n;
    const change = transition(name, pinningOf(before, bit), pinningOf(after, bit));
    if (valueChanged) {
      const why = maskChanged ? { meaning: null, weight: "neutral" as const } : change;
      value.push({ field: `${fields.value}.bits.${name}`, ...onOff(before.value, after.value, bit), ...why });
    }
    if (maskChanged)
      mask.push({ field: `${fields.mask}.bits.${name}`, ...enforced(before.mask, after.mask, bit), ...change });
  }
  return {
    value: [...value, ...unnamedValue(fields, before.value, after.value, ~named)],
    mask: [...mask, ...unnamedMask(fields, before.mask, after.mask, ~named)],
  };
}

function pinningOf({ value, mask }: MaskedWord, bit: bigint): Pinning {
  if ((mask & bit) === 0n) return "free";
  return (value & bit) !== 0n ? "on" : "off";
}

function transition(
  name: string,
  from: Pinning,
  to: Pinning,
): { readonly meaning: string; readonly weight: ChangeWeight } {
  const words = BIT_WORDS[name] ?? { with: "the enclave may use its registers", safer: null };
  const risen = risk(words.safer, to) - risk(words.safer, from);
  return {
    meaning: meaningOf(name.toUpperCase(), words, from, to),
    weight: risen > 0 ? "weaker" : risen < 0 ? "stronger" : "neutral",
  };
}

function meaningOf(name: string, words: BitWords, from: Pinning, to: Pinning): string {
  switch (to) {
    case "on":
      return `every launch has ${name}: ${words.with}`;
    case "off":
      return `no launch has ${name}`;
    case "free":
      return from === "free"
        ? `the mask leaves ${name} to the launcher, before as after: this is a suggestion`
        : `the launcher chooses ${name}: with it, ${words.with}`;
    default:
      return to satisfies never;
  }
}

/** 0 for what guards most. What is free counts as worse than what is settled, and as better than the worst. */
function risk(safer: BitWords["safer"], pinning: Pinning): number {
  if (pinning === "free") return 1;
  if (safer === null || pinning === safer) return 0;
  return 2;
}

function onOff(before: bigint, after: bigint, bit: bigint) {
  const say = (word: bigint) => ((word & bit) !== 0n ? "on" : "off");
  return { before: say(before), after: say(after) };
}

function enforced(before: bigint, after: bigint, bit: bigint) {
  const say = (word: bigint) => ((word & bit) !== 0n ? "enforced" : "free");
  return { before: say(before), after: say(after) };
}

function unnamedValue(
  { valueWord, digits }: BitFields,
  before: bigint,
  after: bigint,
  unnamed: bigint,
): readonly SigstructChange[] {
  const changed = (before ^ after) & unnamed;
  if (changed === 0n) return [];
  const meaning = `bits without a name changed: ${word(changed, digits)}`;
  return [{ field: valueWord, before: word(before, digits), after: word(after, digits), meaning, weight: "neutral" }];
}

function unnamedMask(
  { maskWord, digits }: BitFields,
  before: bigint,
  after: bigint,
  unnamed: bigint,
): readonly SigstructChange[] {
  const freed = before & ~after & unnamed;
  const bound = after & ~before & unnamed;
  if (freed === 0n && bound === 0n) return [];
  const parts = [
    ...(freed === 0n ? [] : [`left to the launcher: ${word(freed, digits)}`]),
    ...(bound === 0n ? [] : [`enforced: ${word(bound, digits)}`]),
  ];
  return [
    {
      field: maskWord,
      before: word(before, digits),
      after: word(after, digits),
      meaning: `bits without a name are now ${parts.join("; ")}`,
      weight: freed === 0n ? "stronger" : "weaker",
    },
  ];
}

function word(value: bigint, digits: BitFields["digits"]): string {
  return `0x${hex64(value).slice(-digits)}`;
}
