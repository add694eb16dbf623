import { expect, test } from "vitest";
import { within } from "../../../../cli/testing/mutation/deadline.js";

test("what comes to an end in time gives what it gives", async () => {
  expect(await within(5000, () => 7)).toEqual({ value: 7 });
  expect(await within(5000, async () => null)).toEqual({ value: null });
});

test("what loops for ever is interrupted, and cannot catch that", async () => {
  const loop = () => {
    for (;;) {
      try {
        for (;;);
      } catch {
        // Goes on.
      }
    }
  };
  expect(await within(50, loop)).toBe(null);
});

test("what never answers is not waited for", async () => {
  expect(await within(50, () => new Promise<string>(() => undefined))).toBe(null);
});

test("errors are the caller's", async () => {
  const failure = new RangeError("found nothing");
  const throws = () => {
    throw failure;
  };
  await expect(within(5000, throws)).rejects.toBe(failure);
  await expect(within(5000, () => Promise.reject(failure))).rejects.toBe(failure);
});
