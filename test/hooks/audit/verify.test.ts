/** Whatever is done to a log afterwards is found, and where it cannot be, that is said. */

import { createHash, generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type CheckpointVerifier, checkpointVerifier } from "../../../hooks/audit/checkpoint.js";
import { type VerifyOptions, verifyLog } from "../../../hooks/audit/verify.js";
import { emptyFolder, filesOf, linesOf, SIGNING_KEY, writtenLog } from "./logs.js";

let verifier: CheckpointVerifier;
/** Files of a log of about 60 lines, as lines. */
let original: readonly (readonly string[])[];
let last: { readonly seq: number; readonly sha256: string };
const folder = emptyFolder();

beforeAll(async () => {
  verifier = await checkpointVerifier(SIGNING_KEY);
  const directory = await writtenLog(40, { rotateBytes: 20_000, checkpointRecords: 6 });
  original = filesOf(directory).map((file) => readFileSync(file, "utf8").trimEnd().split("\n"));
  last = (await verifyLog(filesOf(directory), { complete: true })).last ?? { seq: -1, sha256: "" };
  expect(original.length).toBeGreaterThan(2);
});

const textOf = (files: readonly (readonly string[])[]) =>
  files.map((lines) => lines.map((line) => `${line}\n`).join(""));

/** The report on files of such content. */
async function verify(texts: readonly string[], options: VerifyOptions = {}) {
  const files = texts.map((text, at) => {
    const file = join(folder, `audit-0000000${at + 1}-20260101T000000Z.jsonl`);
    writeFileSync(file, text, "latin1");
    return file;
  });
  return verifyLog(files, { complete: true, ...options });
}

const signed = (): VerifyOptions => ({ verifiers: [verifier] });

test("a log that nobody has touched is intact, and all of it is proved", async () => {
  const report = await verify(textOf(original), { ...signed(), expected: last });
  expect(report).toMatchObject({ intact: true, fault_count: 0, notes: [], first: { seq: 0 }, last });
  expect(report.lines).toBe(last.seq + 1);
  expect(report.checkpoints).toMatchObject({ unsigned: 0, last_verified: { seq: last.seq - 1 } });
  expect(report.checkpoints.verified).toBe(report.checkpoints.signed);
});

/** All lines of all files in one row, with the ends of files as they were. */
interface Flat {
  readonly lines: string[];
  readonly ends: readonly number[];
}
const flat = (): Flat => {
  let end = 0;
  return { lines: original.flat(), ends: original.map((lines) => (end += lines.length)) };
};
function files({ lines, ends }: Flat): readonly string[] {
  return textOf(ends.map((end, at) => lines.slice(ends[at - 1] ?? 0, end)));
}
/** Takes a line out of its file. */
function without({ lines, ends }: Flat, at: number): Flat {
  return { lines: lines.toSpliced(at, 1), ends: ends.map((end) => (end > at ? end - 1 : end)) };
}
function withLine({ lines, ends }: Flat, at: number, line: string): Flat {
  return { lines: lines.toSpliced(at, 0, line), ends: ends.map((end) => (end > at ? end + 1 : end)) };
}

const place = fc.nat({ max: 1_000_000 });
const at = (place: number) => place % (last.seq + 1);

const MUTATIONS: readonly (readonly [string, fc.Arbitrary<() => readonly string[]>])[] = [
  ["removing a line", place.map((p) => () => files(without(flat(), at(p))))],
  [
    "removing many lines in a row",
    fc.tuple(place, fc.integer({ min: 2, max: 20 })).map(([p, n]) => () => {
      let log = flat();
      for (let i = 0; i < n && log.lines.length > at(p); i += 1) log = without(log, at(p));
      return files(log);
    }),
  ],
  [
    "altering a character",
    fc.tuple(place, place, fc.integer({ min: 0x20, max: 0xff })).map(([p, c, code]) => () => {
      const log = flat();
      const line = log.lines[at(p)] as string;
      const index = c % line.length;
      const other = String.fromCharCode(code);
      const altered = line[index] === other ? "\u0001" : other;
      log.lines[at(p)] = line.slice(0, index) + altered + line.slice(index + 1);
      return files(log);
    }),
  ],
  [
    "swapping two lines",
    fc.tuple(place, place).map(([p, q]) => () => {
      const log = flat();
      const b = at(q) === at(p) ? (at(p) + 1) % log.lines.length : at(q);
      [log.lines[at(p)], log.lines[b]] = [log.lines[b] as string, log.lines[at(p)] as string];
      return files(log);
    }),
  ],
  [
    "moving a line",
    fc.tuple(place, place).map(([p, q]) => () => {
      const log = flat();
      const line = log.lines[at(p)] as string;
      const to = at(q) === at(p) ? (at(p) + 1) % log.lines.length : at(q);
      return files(withLine(without(log, at(p)), Math.min(to, log.lines.length - 1), line));
    }),
  ],
  [
    "repeating a line",
    fc.tuple(place, place).map(([p, q]) => () => {
      const log = flat();
      return files(withLine(log, at(q), log.lines[at(p)] as string));
    }),
  ],
  [
    "inserting a line",
    fc.tuple(place, fc.constantFrom("", "{}", '{"kind":"decision"}', "\u0000", "x".repeat(2_000_000))).map(
      ([p, line]) =>
        () =>
          files(withLine(flat(), at(p), line)),
    ),
  ],
  [
    "cutting the last file off anywhere",
    place.map((p) => () => {
      const texts = [...files(flat())];
      const end = texts.pop() as string;
      return [...texts, end.slice(0, p % end.length)];
    }),
  ],
  ["removing a file", place.map((p) => () => files(flat()).toSpliced(p % original.length, 1))],
  [
    "swapping two files",
    place.map((p) => () => {
      const texts = [...files(flat())];
      const a = p % (texts.length - 1);
      [texts[a], texts[a + 1]] = [texts[a + 1] as string, texts[a] as string];
      return texts;
    }),
  ],
];

describe.each(MUTATIONS)("%s", (_, mutations) => {
  test("is found, wherever it is done, where the last record is known", async () => {
    await fc.assert(
      fc.asyncProperty(mutations, async (mutate) => {
        const texts = mutate();
        expect((await verify(texts, { expected: last })).intact).toBe(false);
        expect((await verify(texts, { ...signed(), expected: last })).intact).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  test("is found with signed checkpoints, or else lies behind the last of them, and that is said", async () => {
    await fc.assert(
      fc.asyncProperty(mutations, async (mutate) => {
        const report = await verify(mutate(), signed());
        if (!report.intact) return;
        // Only what stood at the very end can be gone or another, and then the log does not look closed.
        expect(report.last?.seq).toBeLessThanOrEqual(last.seq);
        expect(report.notes.join()).toMatch(/not closed/);
        expect(report.checkpoints.last_verified?.seq).toBeLessThan(last.seq - 1);
      }),
      { numRuns: 30 },
    );
  });
});

describe("what was done is named, with file, line and record:", () => {
  const third = (change: (lines: string[]) => void) => () => {
    const lines = [...(original[1] as readonly string[])];
    change(lines);
    return textOf([original[0] as readonly string[], lines, ...original.slice(2)]);
  };
  const seqAt = (line: number) => JSON.parse((original[1] as readonly string[])[line - 1] as string).chain.seq;

  test.each<[string, () => readonly string[], readonly (readonly [string, number, number])[]]>([
    ["a removed line", third((lines) => lines.splice(3, 1)), [["removed", 4, 4]]],
    ["three removed lines", third((lines) => lines.splice(3, 3)), [["removed", 4, 4]]],
    ["an altered line", third((lines) => lines.splice(3, 1, alter(lines[3]))), [["altered", 4, 4]]],
    [
      "a line put back",
      third((lines) => lines.splice(3, 2, lines[4] as string, lines[3] as string)),
      [["reordered", 5, 4]],
    ],
    ["a repeated line", third((lines) => lines.splice(4, 0, lines[3] as string)), [["repeated", 5, 4]]],
  ])("%s", async (_, texts, faults) => {
    const report = await verify(texts());
    expect(report.faults.map(({ kind, file, line, seq }) => [kind, basename(file), line, seq])).toEqual(
      faults.map(([kind, line, seqLine]) => [kind, "audit-00000002-20260101T000000Z.jsonl", line, seqAt(seqLine)]),
    );
  });

  test("a torn end, by its length and digest", async () => {
    const texts = [...textOf(original)];
    texts.push(`${texts.pop()}{"kind":"deci`);
    const { faults, intact, last: found } = await verify(texts);
    const sha256 = createHash("sha256").update('{"kind":"deci').digest("hex");
    expect({ intact, faults, found }).toMatchObject({
      intact: false,
      faults: [{ kind: "torn", message: expect.stringContaining(`13 bytes of a line`) }],
      found: last,
    });
    expect(faults[0]?.message).toContain(sha256);
  });

  test("two logs in one", async () => {
    const other = readFileSync(filesOf(await writtenLog(3))[0] as string, "utf8");
    const { faults } = await verify([...textOf(original), other]);
    expect(faults.map(({ kind }) => kind)).toContain("foreign");
  });

  test("old files that are gone, unless the log says that they were retired", async () => {
    const { faults } = await verify(textOf(original.slice(1)));
    expect(faults).toMatchObject([{ kind: "removed", message: expect.stringContaining("retired") }]);
    expect((await verify(textOf(original.slice(1)), { complete: false })).intact).toBe(true);
  });
});

function alter(line: string | undefined): string {
  return (line as string).replace('"timestamp":"2', '"timestamp":"3');
}

describe("a history that was wholly written anew", () => {
  /** Chains lines anew behind a change, as whoever can write the files could. */
  function rewritten(change: (line: string) => string | null): readonly string[] {
    let seq = 0;
    let prev: string | null = null;
    return textOf(
      original.map((lines) =>
        lines.flatMap((line) => {
          const changed = change(line);
          if (changed === null) return [];
          const fix =
            prev === null
              ? changed
              : changed.replace(/"covers":\{[^}]*\}/, `"covers":{"seq":${seq - 1},"sha256":"${prev}"}`);
          const link = prev === null ? "null" : `"${prev}"`;
          const text: string = fix.replace(
            /,"chain":\{"seq":[0-9]+,"prev":[^}]*\}\}$/,
            `,"chain":{"seq":${seq},"prev":${link}}}`,
          );
          prev = createHash("sha256").update(text).digest("hex");
          seq += 1;
          return [text];
        }),
      ),
    );
  }
  const altered = (line: string) => line.replace('"n":4', '"n":5');
  const unsigned = (line: string) => line.replace(/"signature":"[^"]*"/, '"signature":null');
  const unproved = (line: string) => (line.startsWith('{"kind":"checkpoint"') ? null : altered(line));

  test("looks intact without a key, and the report says that it cannot tell", async () => {
    const { intact, notes } = await verify(rewritten((line) => unsigned(altered(line))));
    expect({ intact, notes: notes.join() }).toMatchObject({
      intact: true,
      notes: expect.stringContaining("no checkpoint is signed"),
    });
    expect((await verify(rewritten(altered))).notes.join()).toContain("without --key they were not verified");
  });

  test.each([
    ["with the old signatures", altered],
    ["without signatures", (line: string) => unsigned(altered(line))],
    ["without checkpoints", unproved],
    ["without a change", (line: string) => unsigned(line)],
  ])("is found with the key, %s", async (_, change) => {
    expect((await verify(rewritten(change), signed())).intact).toBe(false);
  });

  test("is found where one digest was kept elsewhere", async () => {
    expect((await verify(rewritten(altered), { expected: last })).faults).toMatchObject([{ kind: "cut_off" }]);
  });

  test("is found where the key is another, or signs other things too", async () => {
    const other = await checkpointVerifier(generateKeyPairSync("ed25519").privateKey);
    const { intact, faults } = await verify(textOf(original), { verifiers: [other] });
    expect({ intact, kind: faults[0]?.kind }).toEqual({ intact: false, kind: "checkpoint" });
  });
});

test("checkpoints are signed with P-256 keys too", async () => {
  const checkpointKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const directory = await writtenLog(3, { checkpointKey });
  const verifiers = [await checkpointVerifier(checkpointKey)];
  expect(verifiers[0]?.alg).toBe("ES256");
  expect(await verifyLog(filesOf(directory), { complete: true, verifiers })).toMatchObject({ intact: true, notes: [] });
  expect(linesOf(directory)[0]).toMatchObject({ kind: "genesis", key: { alg: "ES256" } });
});
