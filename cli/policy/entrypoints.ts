/** What may be asked of a policy: the entrypoints, and the schema of the input that each of them sees. */

/** By entrypoint: its definition in the Input schema. */
const ENTRYPOINT_INPUTS = {
  "launch/decision": "enclave_init",
  "enclave/create": "enclave_create",
  "enclave/provision": "enclave_provision",
  "vm/epc": "vm_epc",
  "vm/provision": "vm_provision",
  "signing/decision": "signing",
} as const;

export type Entrypoint = keyof typeof ENTRYPOINT_INPUTS;

export const ENTRYPOINTS = Object.keys(ENTRYPOINT_INPUTS) as readonly Entrypoint[];

export function isEntrypoint(path: string): path is Entrypoint {
  return Object.hasOwn(ENTRYPOINT_INPUTS, path);
}

/** The inputs that a package can see: those of its root's entrypoints; of any entrypoint for a library's package. */
export function inputsOf(packagePath: readonly string[]): readonly string[] {
  const own = ENTRYPOINTS.filter((entrypoint) => entrypoint.split("/")[0] === packagePath[0]);
  return [...new Set((own.length > 0 ? own : ENTRYPOINTS).map((entrypoint) => ENTRYPOINT_INPUTS[entrypoint]))];
}
