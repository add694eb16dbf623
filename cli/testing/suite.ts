/** What a suite file holds, as its readers see it. Truth: the suite schema (policies/schema/suite.schema.json). */

import type { AttributeBit, HookName, JsonObject, Origin } from "../../hooks/index.js";

export type OriginKind = Origin["kind"];

/** `FLAGS:XFRM`, or the bits that are on. */
export type WordsText = string | readonly AttributeBit[];

/** `FLAGS:XFRM`, or every bit but these. */
export type MaskText = string | { readonly free: readonly AttributeBit[] };

/** An integer, or `0x` and hex digits. */
export type Word32 = number | string;

export interface SigstructText {
  readonly date?: string | number;
  readonly vendor?: Word32;
  readonly swdefined?: Word32;
  readonly mrenclave?: string;
  readonly isvprodid?: number;
  readonly isvsvn?: number;
  readonly attributes?: WordsText;
  readonly attributemask?: MaskText;
  readonly miscselect?: Word32;
  readonly miscmask?: Word32;
  readonly cet_attributes?: Word32;
  readonly cet_attributes_mask?: Word32;
  readonly isvfamilyid?: string;
  readonly isvextprodid?: string;
  readonly header?: string;
  readonly header2?: string;
  readonly exponent?: Word32;
}

export interface EnclaveText {
  readonly extends?: string;
  readonly file?: string;
  readonly offset?: number;
  readonly key?: string;
  readonly sigstruct?: SigstructText;
  readonly signature?: "valid" | "invalid";
}

export interface SecsText {
  readonly file?: string;
  readonly attributes?: WordsText;
  readonly attributes_known?: MaskText;
  readonly attributes_allowed?: WordsText;
  readonly miscselect?: Word32;
  readonly cet_attributes?: Word32;
  readonly configid?: string;
  readonly configsvn?: number;
  readonly size?: Word32;
}

export interface TokenText {
  readonly file?: string;
  readonly valid?: Word32;
  readonly attributes?: WordsText;
  readonly mrenclave?: string;
  readonly mrsigner?: string;
  readonly cpusvnle?: string;
  readonly isvprodidle?: number;
  readonly isvsvnle?: number;
  readonly maskedmiscselectle?: Word32;
  readonly maskedattributesle?: WordsText;
  readonly keyid?: string;
  readonly mac?: string;
}

type Verdict = "allow" | "deny";

export interface VerdictText {
  readonly decision?: Verdict;
  readonly deny?: readonly string[];
  readonly reasons?: readonly string[];
  readonly includes?: readonly string[];
  readonly warnings?: readonly string[];
}

export type ExpectationText = Verdict | VerdictText;

export type ExpectText = ExpectationText | { readonly [Kind in OriginKind]?: ExpectationText };

export interface CaseText {
  readonly name: string;
  readonly hook?: HookName;
  readonly enclave?: string | readonly string[];
  readonly origin?: OriginKind | readonly OriginKind[];
  readonly enforcement?: Origin["enforcement"];
  readonly vm?: string | { readonly id: string; readonly name?: string | null };
  readonly process?: Partial<NonNullable<Origin["process"]>>;
  readonly guest?: Partial<NonNullable<Origin["guest"]>>;
  readonly attributes?: WordsText;
  readonly allowed?: WordsText;
  readonly secs?: SecsText;
  readonly token?: TokenText | null;
  readonly lepubkeyhash?: string;
  readonly flc?: boolean | null;
  readonly grants?: readonly "provisionkey"[] | { readonly provisionkey?: "fd" | "vm-cap" | "config" };
  readonly time?: string;
  readonly profile?: string;
  readonly data?: JsonObject;
  readonly expect: ExpectText;
}

export interface SuiteText {
  readonly version: 1;
  readonly suite?: string;
  readonly description?: string;
  readonly time?: string;
  readonly profile?: string;
  readonly data?: JsonObject;
  readonly enclaves?: Readonly<Record<string, EnclaveText>>;
  readonly cases: readonly CaseText[];
}
