/** Inspections as text for people: who and what first, what is odd last and in colour. */

import type { Finding, sigstructFields } from "../../engine/index.js";
import type { Io } from "../io.js";
import type { Inspection } from "./inspection.js";
import { printable, table } from "./table.js";

/** `carriers` says of each inspection what it was found in; null where it is the whole file. */
export function inspectionText(
  inspections: readonly Inspection[],
  carriers: readonly (string | null)[],
  io: Io,
): string {
  return `${inspections.map((inspection, index) => oneText(inspection, carriers[index] ?? null, io.colours)).join("\n\n")}\n`;
}

function oneText(inspection: Inspection, carrier: string | null, colours: Io["colours"]): string {
  if ("error" in inspection)
    return `${colours.bold(printable(inspection.file))}\n  ${colours.red(printable(inspection.error))}`;
  const place = carrier === null ? "" : `, in ${carrier}`;
  const title = `${printable(inspection.file)}: ${inspection.kind} at offset ${inspection.offset}${place}`;
  const rows = rowsOf(inspection, colours).map(([name = "", ...rest]) => [colours.dim(name), ...rest]);
  return [colours.bold(title), table(rows, "  "), ...findingLines(inspection.findings, colours)].join("\n");
}

function rowsOf(
  inspection: Exclude<Inspection, { error: string }>,
  colours: Io["colours"],
): readonly (readonly string[])[] {
  switch (inspection.kind) {
    case "sigstruct":
      return sigstructRows(inspection, colours);
    case "einittoken": {
      const { einittoken: token } = inspection;
      return [
        ["valid", token.valid ? "1" : "0: EINIT ignores the rest"],
        ["mrenclave", token.mrenclave],
        ["mrsigner", token.mrsigner],
        ["attributes", words(token.attributes)],
        ["launch enclave", `isvprodid ${token.isvprodidle}, isvsvn ${token.isvsvnle}, cpusvn ${token.cpusvnle}`],
        ["mac", "cannot be checked in software"],
      ];
    }
    case "secs": {
      const { secs } = inspection;
      return [
        ["size", secs.size],
        ["attributes", words(secs.attributes)],
        ["miscselect", secs.miscselect],
        ["configid", `${secs.configid}, configsvn ${secs.configsvn}`],
      ];
    }
    case "signing_material":
      return [
        ["mrenclave", inspection.mrenclave],
        ["signature", "none: this is what remains to be signed"],
        ...contentRows(inspection.sigstruct, inspection.debug_launchable, colours),
        ["sha256", inspection.sha256],
      ];
    case "sgxs":
      return [
        ["mrenclave", inspection.mrenclave],
        ["size", `${inspection.size}, ssaframesize ${inspection.ssaframesize}`],
        ["pages", `${inspection.pages}${inspection.canonical ? "" : colours.yellow(", not in canonical order")}`],
        [
          "content",
          `${inspection.measured_bytes} bytes measured, ${inspection.unmeasured_bytes} loaded but not measured`,
        ],
        ["matches", matchesText(inspection.matches, colours)],
      ];
    default:
      return inspection satisfies never;
  }
}

function matchesText(matches: readonly string[], colours: Io["colours"]): string {
  if (matches.length === 0) return "no SIGSTRUCT among the files given names this MRENCLAVE";
  return colours.green(matches.map(printable).join(", "));
}

/** What the signer states, in signed and unsigned alike. */
function contentRows(
  sigstruct: Omit<ReturnType<typeof sigstructFields>, "exponent">,
  debugLaunchable: boolean,
  colours: Io["colours"],
): readonly (readonly string[])[] {
  return [
    ["isvprodid", `${sigstruct.isvprodid}, isvsvn ${sigstruct.isvsvn}`],
    ["date", `${sigstruct.date}, vendor 0x${sigstruct.vendor.toString(16)}`],
    ["attributes", words(sigstruct.attributes)],
    ["attributemask", `${sigstruct.attributemask.flags} ${sigstruct.attributemask.xfrm}`],
    ["debug", debugLaunchable ? colours.yellow("debug-launchable") : "a debug launch is impossible"],
    ["miscselect", `${sigstruct.miscselect} under ${sigstruct.miscmask}`],
  ];
}

function sigstructRows(
  { sigstruct, mrenclave, mrsigner, signer, ...rest }: Extract<Inspection, { kind: "sigstruct" }>,
  colours: Io["colours"],
): readonly (readonly string[])[] {
  const say = (holds: boolean) => (holds ? colours.green("valid") : colours.red("invalid"));
  const who =
    signer === null ? "" : ` (${signer.name}${signer.key_is_public ? colours.red(", private key is public") : ""})`;
  return [
    ["mrenclave", mrenclave],
    ["mrsigner", `${mrsigner}${who}`],
    ...contentRows(sigstruct, rest.debug_launchable, colours),
    ["signature", `${say(rest.signature_valid)}, q1 ${say(rest.q1_valid)}, q2 ${say(rest.q2_valid)}`],
    ["sha256", sigstruct.sha256],
  ];
}

function words(attributes: {
  readonly flags: string;
  readonly xfrm: string;
  readonly bits: Readonly<Record<string, boolean>>;
}): string {
  const on = Object.entries(attributes.bits).filter(([, set]) => set);
  return `${attributes.flags} ${attributes.xfrm} (${on.map(([name]) => name).join(" ")})`;
}

function findingLines(findings: readonly Finding[], colours: Io["colours"]): readonly string[] {
  if (findings.length === 0) return [];
  return [
    table(
      findings.map(({ code, message, einit_error }) => [
        (einit_error === null ? colours.yellow : colours.red)(code),
        message,
      ]),
      "  ",
    ),
  ];
}
