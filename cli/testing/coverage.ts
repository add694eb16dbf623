/**
 * How much of a policy's own Rego its tests reach. Truth: the report of `opa test --coverage --format json`, OPA's package
 * cover. Tests and the shipped library do not count.
 */

interface FileCoverage {
  readonly file: string;
  readonly covered: number;
  readonly lines: number;
  /** First and last row of each stretch that no test reaches. */
  readonly missed: readonly (readonly [first: number, last: number])[];
}

export interface Coverage {
  /** Of the lines that do something, from 0 to 100; 100 where there are none. */
  readonly percent: number;
  readonly files: readonly FileCoverage[];
}

interface Range {
  readonly start: { readonly row: number };
  readonly end: { readonly row: number };
}

interface OpaCoverage {
  readonly files?: Readonly<
    Record<string, { readonly covered?: readonly Range[]; readonly not_covered?: readonly Range[] }>
  >;
}

/** Null where it is no report: OPA prints none where a test fails. */
export function coverageOf(stdout: string, own: ReadonlySet<string>): Coverage | null {
  const report = parsed(stdout);
  if (report?.files === undefined) return null;
  const files = Object.entries(report.files)
    .filter(([file]) => own.has(file))
    .map(([file, { covered = [], not_covered: missed = [] }]): FileCoverage => {
      const lines = linesIn(covered) + linesIn(missed);
      return { file, covered: linesIn(covered), lines, missed: missed.map(({ start, end }) => [start.row, end.row]) };
    });
  // A file that no test even loads a rule of is in the report all the same; one without rules is not.
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  const covered = files.reduce((sum, file) => sum + file.covered, 0);
  return { percent: lines === 0 ? 100 : (100 * covered) / lines, files };
}

function linesIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end.row - start.row + 1, 0);
}

function parsed(text: string): OpaCoverage | null {
  try {
    return JSON.parse(text) as OpaCoverage;
  } catch {
    return null;
  }
}
