/** `--format` and `--report`: what they take, and that a report is written whole or not at all. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import picocolors from "picocolors";
import { afterAll, expect, test } from "vitest";
import type { Io } from "../../../cli/io.js";
import { REPORT_FORMATS } from "../../../cli/report/model.js";
import { addReportOptions, emitReport, type ReportOptions } from "../../../cli/report/options.js";
import { RICH } from "../../support/reports.js";

const folder = mkdtempSync(join(tmpdir(), "launchgate-report-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

function optionsOf(...args: readonly string[]): ReportOptions {
  const command = addReportOptions(new Command("vet"))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: "user" }).opts<ReportOptions>();
}

/** Runs with colours on stdout; what came out there. */
async function emitted(options: ReportOptions): Promise<string> {
  let out = "";
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: () => {},
    colours: picocolors.createColors(true),
    terminal: true,
    columns: 80,
    progress: false,
    env: {},
    exit: () => {},
  };
  await emitReport(RICH, options, io);
  return out;
}

test("text is the default, and no file", () => {
  expect(optionsOf()).toEqual({ format: "text", report: [] });
});

test("reports are collected, with = allowed in a file's name", () => {
  expect(optionsOf("--format", "json", "--report", "html=a=b.html", "--report", "sarif=x.sarif")).toEqual({
    format: "json",
    report: [
      { format: "html", file: "a=b.html" },
      { format: "sarif", file: "x.sarif" },
    ],
  });
});

test.each([
  [["--format", "pdf"], /Allowed choices are text, json/],
  [["--report", "pdf=x"], /There is no format "pdf", expected text, json/],
  [["--report", "html"], /Expected a file, as in html=report\.html/],
  [["--report", "html="], /Expected a file/],
  [["--report", "html=-"], /Stdout is for one report alone: use --format html/],
  [["--report", "html=x", "--report", "sarif=x"], /Two reports would go to x/],
])("%j is refused with advice", (args, message) => {
  expect(() => optionsOf(...args)).toThrow(message);
});

test.each(REPORT_FORMATS)("%s is the same on stdout and in a file, colours and width aside", async (format) => {
  const file = at(`report-${format}`);
  const out = await emitted({ format, report: [{ format, file }] });
  const written = readFileSync(file, "utf8");
  if (format === "text") {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with a control character
    expect([/\u001b/.test(out), /\u001b/.test(written)]).toEqual([true, false]);
    expect(written).toContain("debug_launchable");
  } else expect(written).toBe(out);
});

test("a file is replaced whole, through a link, and nothing is left beside it", async () => {
  mkdirSync(at("out"));
  writeFileSync(at("out/real.json"), "old");
  symlinkSync("real.json", at("out/link.json"));
  await emitted({ format: "text", report: [{ format: "json", file: at("out/link.json") }] });
  expect(JSON.parse(readFileSync(at("out/real.json"), "utf8"))).toEqual(RICH.document);
  expect(readdirSync(at("out")).sort()).toEqual(["link.json", "real.json"]);
});

test("a file that cannot be written fails the command after stdout and the other files have their report", async () => {
  const options: ReportOptions = {
    format: "tap",
    report: [
      { format: "json", file: at("nowhere/x.json") },
      { format: "json", file: at("y.json") },
    ],
  };
  await expect(emitted(options)).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringContaining(`cannot write ${at("nowhere/x.json")}`),
  });
  expect(JSON.parse(readFileSync(at("y.json"), "utf8"))).toEqual(RICH.document);
});

test("what is no regular file is written to, not replaced", async () => {
  await emitted({ format: "text", report: [{ format: "json", file: "/dev/null" }] });
  expect(readFileSync("/dev/null", "utf8")).toBe("");
});
