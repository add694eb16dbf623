/** `launchgate import`: other tools' lists of enclaves to a data document. What cannot be said exactly is never said wider. */

import { createPublicKey, type KeyObject } from "node:crypto";
import { statSync } from "node:fs";
import { Command, Option } from "commander";
import {
  decodeSigstruct,
  effectiveData,
  LaunchError,
  mrenclaveOf,
  mrsignerOf,
  type Sigstruct,
  shippedData,
  verifySignature,
} from "../../engine/index.js";
import { enclavesIn } from "../enclave-files.js";
import { readBytes, writeWhole } from "../files.js";
import type { EgoSigner } from "../import/ego.js";
import { documentOf, type ImportedDocument } from "../import/merge.js";
import { IMPORT_FORMATS, type Imported, type ImportFormat } from "../import/model.js";
import { type ReadOptions, readImport } from "../import/read.js";
import type { NamedFiles } from "../import/ref-le.js";
import { importedYaml } from "../import/yaml.js";
import { CommandError, type Io } from "../io.js";
import { printable } from "../output/table.js";

interface ImportOptions {
  readonly from?: ImportFormat;
  readonly out?: string;
  readonly format: "yaml" | "json";
  readonly rootKey?: string;
  readonly unverified?: true;
  readonly sigstruct?: string;
  readonly mrsigner?: string;
}

type ImportedFile = Imported & { readonly file: string; readonly format: ImportFormat };

export function command(io: Io): Command {
  return new Command("import")
    .summary("make a data document of other tools' lists of enclaves")
    .description(
      "Read Intel's white list certificate, a ref_le list or the table it is made of, a MarbleRun manifest or EGo's\n" +
        "enclave.json, and print the data document that lists the same enclaves. Signatures are verified.",
    )
    .argument("<file...>", "files to import, told apart by content; - for stdin")
    .addOption(new Option("--from <format>", "what the files are, instead of by content").choices([...IMPORT_FORMATS]))
    .option("--out <file>", "write the document there instead of to stdout")
    .addOption(new Option("--format <format>", "how to print it").choices(["yaml", "json"]).default("yaml"))
    .option("--root-key <pem>", "white list: the root's public key (P-256), instead of Intel's")
    .option("--unverified", "take lists whose signature does not verify; the document says so")
    .addOption(
      new Option("--sigstruct <file>", "enclave.json: an enclave that was signed with it").conflicts("mrsigner"),
    )
    .option("--mrsigner <hex>", "enclave.json: who signs, as 64 hex digits in natural order")
    .action((files: readonly string[], options: ImportOptions) => {
      const imported = readAll(files, options);
      const whole = documentOf(imported.flatMap(({ listings }) => listings));
      const notes = [...imported.flatMap(({ file, notes }) => notes.map((note) => `${file}: ${note}`)), ...whole.notes];
      for (const note of notes) io.err(`note: ${printable(note)}\n`);
      if (Object.keys(whole.document).length === 1) {
        throw new CommandError(1, `nothing in ${files.join(", ")} can be listed: no document was written`);
      }
      // What is handed out is what a host will take.
      effectiveData([whole.document], shippedData);
      const text = render(whole, imported, notes, options.format);
      if (options.out === undefined) io.out(text);
      else writeWhole(options.out, text);
      io.exit(0);
    });
}

function readAll(files: readonly string[], options: ImportOptions): readonly ImportedFile[] {
  const reading = readOptions(options);
  const imported = files.map((file) => ({ file, ...readOne(file, reading) }));
  const formats = new Set(imported.map(({ format }) => format));
  for (const [option, given, format] of [
    ["--root-key", options.rootKey, "intel-whitelist"],
    ["--sigstruct", options.sigstruct, "ego"],
    ["--mrsigner", options.mrsigner, "ego"],
  ] as const) {
    if (given !== undefined && !formats.has(format))
      throw new CommandError(1, `${option} is for ${format}, found none`);
  }
  return imported;
}

function readOne(file: string, reading: ReadOptions): Imported & { readonly format: ImportFormat } {
  const bytes = readBytes(file);
  try {
    return readImport(bytes, reading);
  } catch (error) {
    if (error instanceof CommandError || error instanceof LaunchError)
      throw new CommandError(1, `${file}: ${error.message}`);
    throw error;
  }
}

function readOptions({ from, rootKey, unverified, sigstruct, mrsigner }: ImportOptions): ReadOptions {
  return {
    from: from ?? null,
    rootKey: rootKey === undefined ? null : rootKeyAt(rootKey),
    unverified: unverified === true,
    egoSigner: egoSigner(sigstruct, mrsigner, unverified === true),
    files: NAMED_FILES,
  };
}

function rootKeyAt(path: string): KeyObject {
  const key = publicKeyAt(path);
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve === "prime256v1") return key;
  throw new CommandError(1, `${path} holds a key of ${namedCurve ?? key.asymmetricKeyType}, expected P-256`);
}

function publicKeyAt(path: string): KeyObject {
  const pem = readBytes(path);
  try {
    return createPublicKey(Buffer.from(pem));
  } catch {
    throw new CommandError(1, `${path} holds no key, expected one in PEM without passphrase`);
  }
}

function egoSigner(sigstruct: string | undefined, mrsigner: string | undefined, unverified: boolean): EgoSigner | null {
  if (mrsigner !== undefined) {
    if (/^[0-9a-fA-F]{64}$/.test(mrsigner)) return { mrsigner: mrsigner.toLowerCase() };
    throw new CommandError(1, `--mrsigner is ${JSON.stringify(mrsigner)}, expected 64 hex digits`);
  }
  return sigstruct === undefined ? null : { sigstruct: signedEnclave(sigstruct, unverified) };
}

/** The one enclave of a file. Without a signature that verifies, anybody could have put the signer's key there. */
function signedEnclave(path: string, unverified: boolean): Sigstruct {
  const [enclave, ...more] = enclavesIn(path);
  if (enclave === undefined || more.length > 0) {
    throw new CommandError(1, `${path} holds ${more.length + 1} enclaves, expected one`);
  }
  if (!enclave.signed) throw new CommandError(1, `${path} is not signed, expected an enclave that is`);
  if (!verifySignature(enclave.sigstruct).signature_valid && !unverified) {
    throw new CommandError(1, `${path}: its signature does not verify (--unverified takes it all the same)`);
  }
  return decodeSigstruct(enclave.sigstruct);
}

/** What a ref_le table names, from where the program runs, as its generator reads them. */
const NAMED_FILES: NamedFiles = {
  mrsigner: (path) => {
    const key = publicKeyAt(plainFile(path));
    const { n } = key.asymmetricKeyType === "rsa" ? key.export({ format: "jwk" }) : {};
    const modulus = Buffer.from(n ?? "", "base64url");
    if (modulus.length === 384) return mrsignerOf(new Uint8Array(modulus).reverse());
    throw new CommandError(1, `${path} holds no RSA-3072 key, expected one`);
  },
  mrenclave: (path) => {
    const [enclave, ...more] = enclavesIn(plainFile(path));
    if (enclave !== undefined && more.length === 0) return mrenclaveOf(decodeSigstruct(enclave.sigstruct));
    throw new CommandError(1, `${path} holds ${more.length + 1} enclaves, expected one`);
  },
};

/** A table must not make us read stdin, or wait for a pipe. */
function plainFile(path: string): string {
  if (path !== "-" && statSync(path, { throwIfNoEntry: false })?.isFile() === true) return path;
  throw new CommandError(1, `cannot read ${path}: there is no such file`);
}

function render(
  whole: ImportedDocument,
  imported: readonly ImportedFile[],
  notes: readonly string[],
  format: "yaml" | "json",
): string {
  if (format === "json") return `${JSON.stringify(whole.document, null, 2)}\n`;
  const head = imported.flatMap(({ file, facts }) => [`Imported from ${file}:`, ...facts.map((fact) => `- ${fact}`)]);
  return importedYaml(whole, [...head, ...(notes.length === 0 ? [] : ["Notes:", ...notes.map((note) => `- ${note}`)])]);
}
