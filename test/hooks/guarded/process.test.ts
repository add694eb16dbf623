/** A guarded gate in a process of its own, from the built package: it ends when there is nothing left to do, and not before. */

import { describe, expect, test } from "vitest";
import { eventToJson, takeEvent } from "../../../engine/event.js";
import { ROOT, run } from "../../support/cli.js";
import { LOOPER, launchOf } from "../../support/runaways.js";

const event = JSON.stringify(eventToJson(takeEvent(launchOf(1))));
const runaway = JSON.stringify(eventToJson(takeEvent(launchOf(1000))));
const { wasm, data, entrypoints } = LOOPER;
const looper = JSON.stringify({ wasm: Buffer.from(wasm).toString("base64"), data, entrypoints });

/** Runs it as a module in which `make(options)` makes a gate whose policy loops on `runaway`. */
function script(body: string) {
  const start = performance.now();
  const { code, stdout, stderr } = run(process.execPath, ["--input-type=module", "-"], {
    input: `import { createGuardedGate, makeBundle } from ${JSON.stringify(`${ROOT}/dist/hooks/index.js`)};
const { wasm, ...parts } = ${looper};
const policies = [makeBundle({ ...parts, name: "looper", wasm: Buffer.from(wasm, "base64") })];
const [event, runaway] = [${event}, ${runaway}];
const make = (options) => createGuardedGate({ policies, ...options });
const show = ({ decision, reasons }) => console.log(decision, ...reasons.map(({ code }) => code));
${body}`,
  });
  return { code, stdout, stderr, ms: performance.now() - start };
}

describe("a process with a guarded gate", () => {
  test("ends by itself where the gate waits for nothing", () => {
    const { ms, ...rest } = script("const gate = await make(); show(await gate.decide(event));");
    expect(rest).toEqual({ code: 0, stdout: "allow\n", stderr: "" });
    expect(ms).toBeLessThan(20_000);
  });

  test("waits for what the gate waits for", () => {
    const { ms: _, ...rest } = script("const gate = await make(); gate.decide(event).then(show);");
    expect(rest).toEqual({ code: 0, stdout: "allow\n", stderr: "" });
  });

  test("and for the deadline of a policy that loops, and not for the policy", () => {
    const { ms, ...rest } = script("const gate = await make({ deadlineMs: 300 }); gate.decide(runaway).then(show);");
    expect(rest).toEqual({ code: 0, stdout: "deny deadline\n", stderr: "" });
    expect(ms).toBeLessThan(20_000);
  });

  test("can close it at its top level", () => {
    const { ms: _, ...rest } = script(
      `const gate = await make({ deadlineMs: 300 });
const late = gate.decide(runaway);
await gate.close();
show(await late);
show(await gate.decide(event));`,
    );
    expect(rest).toEqual({ code: 0, stdout: "deny deadline\ndeny shutting_down\n", stderr: "" });
  });

  test("may exit in the middle of an evaluation", () => {
    const { ms, ...rest } = script(
      "const gate = await make(); gate.decide(runaway); setTimeout(() => process.exit(7), 100);",
    );
    expect(rest).toEqual({ code: 7, stdout: "", stderr: "" });
    expect(ms).toBeLessThan(20_000);
  });

  test("is told where its policy cannot be loaded, and ends", () => {
    const { code, stderr } = script(
      'await createGuardedGate({ policies: [makeBundle({ ...parts, name: "bad", wasm: new Uint8Array(8) })] });',
    );
    expect([code, stderr.includes("wasm_invalid")]).toEqual([1, true]);
  });
});
