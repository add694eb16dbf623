/** `launchgate eval`: decides one launch as a host would, and says why. Exit 0 allow, 2 deny, 1 could not, 3 policy invalid. */

import { Command, Option } from "commander";
import {
  auditRecord,
  createGate,
  decodeLaunch,
  entrypointOf,
  type Gate,
  type Input,
  inputOf,
  type Judged,
  LOCKDOWN_LEVELS,
  type LockdownLevel,
  type PolicyBundle,
} from "../../hooks/index.js";
import { eventFromOptions, type LaunchOptions } from "../event-options.js";
import type { Io } from "../io.js";
import { decisionText } from "../output/decision.js";
import { addVerifyOptions } from "../policy/signing.js";
import { type PolicyOptions, policiesFromOptions } from "../policy-options.js";

interface EvalOptions extends LaunchOptions, PolicyOptions {
  readonly lockdown: LockdownLevel;
  readonly permissive?: true;
  readonly explain?: true;
  readonly format: "text" | "json" | "audit";
}

export function command(io: Io): Command {
  const evaluate = new Command("eval")
    .summary("decide one launch and say why")
    .description(
      "Decide one launch. By default with the built-in policy, profile strict, as a native launch whose attributes are\n" +
        "known only where the SIGSTRUCT pins them.",
    )
    .option("--sigstruct <file>", "the SIGSTRUCT, or a signed enclave; FILE@OFFSET picks one of several; - for stdin")
    .option("--event <file>", "a whole LaunchEvent as JSON, instead of the options that describe one")
    .option("--policy <dir|bundle>", "policy folder or bundle; repeat to AND several", collect, [])
    .option("--data <file>", "data document, JSON or YAML, merged over the profile; repeatable", collect, [])
    .option("--profile <name>", "strict, baseline or open")
    .addOption(new Option("--origin <kind>", "where the launch comes from").choices(["native", "kvm", "file"]))
    .addOption(new Option("--secs <file>", "the SECS: all attributes are then known").conflicts("attributes"))
    .option("--attributes <flags:xfrm>", "the SECS's ATTRIBUTES in hex, such as 0x4:0x3")
    .option("--allowed <flags:xfrm>", "the most that the platform grants to attributes that are not known")
    .option("--token <file>", "the EINITTOKEN: 304 bytes, or Intel's 1024-byte launch token")
    .option("--lepubkeyhash <hex>", "IA32_SGXLEPUBKEYHASH as 64 hex digits in natural order")
    .addOption(new Option("--grant <key>", "what the launcher was granted").choices(["provisionkey"]))
    .option("--vm <id>", "the VM that the launch comes from")
    .option("--time <rfc3339>", "when the launch happens (default: now)")
    .addOption(new Option("--lockdown <level>", "floor rules").choices([...LOCKDOWN_LEVELS]).default("none"))
    .option("--permissive", "only record what the policies deny")
    .option("--explain", "show every module and rule consulted, and what decided")
    .addOption(new Option("--format <format>", "how to print it").choices(["text", "json", "audit"]).default("text"))
    .action(async (options: EvalOptions) => {
      const event = eventFromOptions(options);
      const policies = await policiesFromOptions(options, io);
      const gate = createGate({
        policies,
        lockdown: options.lockdown,
        // Nothing follows here that would check the signature.
        signatureCheck: "always",
        ...(options.permissive === true ? { permissive: policyModules(policies) } : {}),
      });
      const judged = gate.judge(event);
      io.out(render(judged, options, gate, policies, io));
      io.exit(judged.decision.decision === "allow" ? 0 : 2);
    });
  return addVerifyOptions(evaluate);
}

function render(judged: Judged, options: EvalOptions, gate: Gate, policies: readonly PolicyBundle[], io: Io): string {
  switch (options.format) {
    case "json":
      return `${JSON.stringify(judged.decision, null, 2)}\n`;
    case "audit":
      return `${JSON.stringify(auditRecord(judged))}\n`;
    case "text": {
      const asked = entrypointOf(judged.event?.hook ?? "enclave_init");
      const rules = policies.flatMap((policy) => policy.rules).filter((rule) => rule.entrypoints.includes(asked));
      const explanation = options.explain === true ? { modules: gate.modules, rules } : undefined;
      return decisionText(judged, inputShown(judged), io, explanation);
    }
    default:
      return options.format satisfies never;
  }
}

/** What was judged, where it can be shown at all: a malformed structure has no fields. */
function inputShown({ event }: Judged): Input | null {
  try {
    return event === null ? null : inputOf(decodeLaunch(event, "always"));
  } catch {
    return null;
  }
}

function policyModules(policies: readonly PolicyBundle[]): readonly string[] {
  return createGate({ policies }).modules.filter((name) => name === "policy" || name.startsWith("policy:"));
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
