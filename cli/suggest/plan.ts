/**
 * What the data document would have to say for one denied launch to be allowed: which entries, or why none are proposed.
 * Decided by the denials that the given policy itself has for the event, with its signature verified; what was recorded is
 * not believed.
 */

import { isJsonObject, type JsonObject, type JsonValue } from "../../engine/json.js";
import { hex, type Judged, knownSigner, shippedData } from "../../hooks/index.js";
import { launchOf } from "../replay/decide-again.js";
import { type Flag, type Lift, liftOf } from "./lifts.js";

export const GRANULARITIES = ["signer", "product", "mrenclave"] as const;
export type Granularity = (typeof GRANULARITIES)[number];

export interface PlanOptions {
  readonly by: Granularity;
  /** Flags that may be proposed: they hand out what is worth asking about. */
  readonly allowed: ReadonlySet<Flag | "vm_provisionkey">;
  /** The effective documents that the policies decide by. */
  readonly documents: readonly JsonObject[];
}

/** What is listed of an enclave. */
export interface Subject {
  readonly mrsigner: string;
  readonly mrenclave: string;
  readonly isvprodid: number;
  readonly isvsvn: number;
}

/** One thing that the document has to say. */
export type Entry =
  /** `listing`: what is listed of the signer; null: it is listed already, and lacks the flags alone. */
  | {
      readonly kind: "signer";
      readonly subject: Subject;
      readonly listing: "any" | "product" | null;
      readonly flags: readonly Flag[];
    }
  | {
      readonly kind: "mrenclave";
      readonly subject: Subject;
      readonly listing: boolean;
      readonly flags: readonly Flag[];
    }
  | { readonly kind: "include"; readonly subject: Subject; readonly fragment: string }
  | {
      readonly kind: "id";
      readonly subject: Subject;
      readonly list: "isvextprodids" | "isvfamilyids";
      readonly id: string;
    }
  | { readonly kind: "lepubkeyhash"; readonly hash: string }
  | {
      readonly kind: "place";
      readonly place: "origins" | "vms";
      readonly at: string;
      readonly list: "mrsigners" | "mrenclaves";
      readonly name: string;
    }
  | { readonly kind: "vm"; readonly id: string; readonly flag: "epc" | "provisionkey" };

export type Plan =
  | { readonly entries: readonly Entry[] }
  /** `codes`: those of the denials that stand in the way. */
  | { readonly entries: null; readonly codes: readonly string[]; readonly why: string };

/** What would lift this denial. `judged` is a denial with its signature verified. */
export function planFor(judged: Judged, options: PlanOptions): Plan {
  const codes = [...new Set(judged.decision.reasons.map(({ code }) => code))].sort();
  const hook = judged.event?.hook ?? "";
  const lifts = codes.map((code) => ({ code, lift: liftOf(code, hook) }));
  const hopeless = lifts.filter(({ lift }) => lift.by === "nothing");
  const [first] = hopeless;
  if (first !== undefined && first.lift.by === "nothing")
    return leftOut(
      hopeless.map(({ code }) => code),
      first.lift.why,
    );
  return new Planner(judged, options, lifts).plan();
}

function leftOut(codes: readonly string[], why: string): Plan {
  return { entries: null, codes, why };
}

interface CodeLift {
  readonly code: string;
  readonly lift: Lift;
}

/** Says why there is no plan; caught where the plan is made. */
class LeftOut extends Error {
  override readonly name = "LeftOut";
  readonly codes: readonly string[];

  constructor(codes: readonly string[], why: string) {
    super(why);
    this.codes = codes;
  }
}

class Planner {
  readonly #judged: Judged;
  readonly #options: PlanOptions;
  readonly #lifts: readonly CodeLift[];

  constructor(judged: Judged, options: PlanOptions, lifts: readonly CodeLift[]) {
    this.#judged = judged;
    this.#options = options;
    this.#lifts = lifts;
  }

  plan(): Plan {
    try {
      return { entries: [...this.#listing(), ...this.#others()] };
    } catch (error) {
      if (error instanceof LeftOut) return leftOut(error.codes, error.message);
      throw error;
    }
  }

  #codesOf(by: Lift["by"]): readonly string[] {
    return this.#lifts.filter(({ lift }) => lift.by === by).map(({ code }) => code);
  }

  #flags(): readonly Flag[] {
    const flags = new Set<Flag>();
    for (const { code, lift } of this.#lifts) {
      if (lift.by !== "flag") continue;
      const { flag } = lift;
      if (!this.#options.allowed.has(flag))
        throw new LeftOut([code], `${flag.toUpperCase()} is not handed out without being asked for: --allow-${flag}`);
      flags.add(flag);
    }
    return [...flags].sort();
  }

  /** What lists the enclave, at the granularity asked for. */
  #listing(): readonly Entry[] {
    const listing = this.#codesOf("listing");
    const ids = this.#lifts.filter(({ lift }) => lift.by === "id");
    const flags = this.#flags();
    if (listing.length + ids.length + flags.length === 0) return [];
    const subject = this.#subject();
    const signer = entryIn(this.#options.documents, "signers", subject.mrsigner);
    const measurement = entryIn(this.#options.documents, "mrenclaves", subject.mrenclave);
    if (this.#options.by === "mrenclave" || measurement !== null) {
      this.#refuseContradicted(flags, measurement, "the listing of the measurement");
      return [{ kind: "mrenclave", subject, listing: measurement === null, flags }];
    }
    const fragment = signer === null ? this.#fragment(subject, flags) : null;
    if (fragment !== null) return [{ kind: "include", subject, fragment }];
    if (this.#wouldNarrow(signer)) return [{ kind: "mrenclave", subject, listing: true, flags }];
    this.#refuseContradicted(flags, signer, "the listing of the signer");
    const further = ids.map(({ lift }) => this.#id(subject, lift));
    const own = { kind: "signer", subject, listing: this.#signerListing(signer, listing.length > 0), flags } as const;
    return own.listing === null && flags.length === 0 ? further : [own, ...further];
  }

  #signerListing(signer: JsonObject | null, denied: boolean): "any" | "product" | null {
    if (signer === null) return this.#options.by === "signer" ? "any" : "product";
    // A signer that is listed for any product must not be listed for some of them from now on.
    return denied && isJsonObject(signer["products"]) ? "product" : null;
  }

  #refuseContradicted(flags: readonly Flag[], entry: JsonObject | null, where: string): void {
    const said = flags.find((flag) => entry?.[flag] === false);
    if (said !== undefined)
      throw new LeftOut(this.#codesOf("flag"), `${where} says ${said} false, and can only be edited`);
  }

  /**
   * The shipped fragment that lists just this; null where none knows the signer's product. A signer that a fragment knows is
   * never listed in contradiction to it: the two could not be included together.
   */
  #fragment({ mrsigner, isvprodid, isvsvn }: Subject, flags: readonly Flag[]): string | null {
    for (const [name, { signers }] of Object.entries(shippedData.fragments)) {
      const signer = memberOf(signers, mrsigner);
      if (!isJsonObject(signer)) continue;
      this.#refuseContradicted(flags, signer, `the shipped fragment ${name}`);
      const product = memberOf(signer["products"], String(isvprodid));
      if (!isJsonObject(product)) return null;
      const floor = product["min_isvsvn"];
      if (typeof floor === "number" && isvsvn < floor)
        throw new LeftOut(this.#codes(), `ISVSVN ${isvsvn} is below what the shipped fragment ${name} asks for`);
      return name;
    }
    return null;
  }

  /** Under baseline whoever is not listed may launch: listing a signer's product would deny its others. */
  #wouldNarrow(signer: JsonObject | null): boolean {
    const baseline = this.#options.documents.some(({ profile }) => profile === "baseline");
    return signer === null && baseline && this.#options.by === "product";
  }

  #subject(): Subject {
    const launch = launchOf(this.#judged);
    const { sigstruct, mrsigner } = launch ?? { sigstruct: null, mrsigner: null };
    if (sigstruct === null || mrsigner === null) throw new LeftOut(this.#codes(), "the event has no SIGSTRUCT");
    const { isvprodid, isvsvn } = sigstruct;
    return { mrsigner, mrenclave: hex(sigstruct.enclavehash), isvprodid, isvsvn };
  }

  #codes(): readonly string[] {
    return this.#lifts.map(({ code }) => code);
  }

  #id(subject: Subject, lift: Lift): Entry {
    const sigstruct = launchOf(this.#judged)?.sigstruct;
    if (lift.by !== "id" || sigstruct == null) throw new LeftOut(this.#codes(), "the event has no SIGSTRUCT");
    const id = hex(lift.list === "isvextprodids" ? sigstruct.isvextprodid : sigstruct.isvfamilyid);
    return { kind: "id", subject, list: lift.list, id };
  }

  /** What is not about a listing of the enclave. */
  #others(): readonly Entry[] {
    return this.#lifts.flatMap(({ code, lift }): readonly Entry[] => {
      switch (lift.by) {
        case "lepubkeyhash":
          return [{ kind: "lepubkeyhash", hash: this.#hash(code) }];
        case "place":
          return [this.#place(code, lift.place, lift.list)];
        case "vm":
          return [this.#vm(code, lift.flag)];
        default:
          return [];
      }
    });
  }

  #hash(code: string): string {
    const hash = this.#judged.event?.platform.lepubkeyhash ?? null;
    if (hash === null) throw new LeftOut([code], "the event does not say the launch enclave hash");
    return hash;
  }

  #place(code: string, place: "origins" | "vms", list: "mrsigners" | "mrenclaves"): Entry {
    const at = place === "origins" ? this.#judged.event?.origin.kind : this.#vmId(code);
    if (at === undefined) throw new LeftOut([code], "the event does not say which place it comes from");
    const { mrsigner, mrenclave } = this.#subject();
    return { kind: "place", place, at, list, name: list === "mrsigners" ? mrsigner : mrenclave };
  }

  #vm(code: string, flag: "epc" | "provisionkey"): Entry {
    const id = this.#vmId(code);
    if (flag === "provisionkey" && !this.#options.allowed.has("vm_provisionkey"))
      throw new LeftOut(
        [code],
        "a VM with the provision device can give PROVISIONKEY to all its enclaves: --allow-vm-provisionkey",
      );
    return { kind: "vm", id, flag };
  }

  #vmId(code: string): string {
    const id = this.#judged.event?.origin.vm?.id;
    if (id === undefined) throw new LeftOut([code], "the event does not say which VM asks");
    if (!VM_ID.test(id) || RESERVED.has(id))
      throw new LeftOut([code], "the id of the VM is none that a data document can name");
    return id;
  }
}

const VM_ID = /^[^\n\r\u2028\u2029\p{Surrogate}]{1,256}$/u;
const RESERVED: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** An entry of the first document that has it. */
export function entryIn(
  documents: readonly JsonObject[],
  list: "signers" | "mrenclaves",
  name: string,
): JsonObject | null {
  for (const document of documents) {
    const entry = memberOf(document[list], name);
    if (isJsonObject(entry)) return entry;
  }
  return null;
}

function memberOf(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** What a listing of the signer is called: as it is called already, here or in a shipped fragment. */
export function signerNameIn(documents: readonly JsonObject[], mrsigner: string): string | null {
  const entry = entryIn([...documents, ...Object.values(shippedData.fragments)], "signers", mrsigner);
  return typeof entry?.["name"] === "string" ? entry["name"] : (knownSigner(mrsigner)?.name ?? null);
}
