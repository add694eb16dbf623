/** What `launchgate doctor` says: one line for each thing it has looked at. */

/** `unknown`: it cannot be known here, or not by this user. Only `bad` keeps a gate from being one. */
export type State = "ok" | "warn" | "bad" | "unknown";

export interface Finding {
  readonly check: string;
  readonly state: State;
  readonly found: string;
  /** What to do; null where there is nothing to do. */
  readonly advice: string | null;
}

export const finding = (check: string, state: State, found: string, advice: string | null = null): Finding => ({
  check,
  state,
  found,
  advice,
});

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `"0660, uid 0, gid 107"`. */
export function permissionsOf({
  mode,
  uid,
  gid,
}: {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}) {
  return `mode ${(mode & 0o7777).toString(8).padStart(4, "0")}, uid ${uid}, gid ${gid}`;
}
