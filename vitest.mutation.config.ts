import { defineConfig } from "vitest/config";

/** What mutation testing runs over and over: the tests of the engine and the stack, in the process itself. */
export default defineConfig({
  test: {
    include: ["test/engine/**/*.test.ts", "test/hooks/**/*.test.ts", "test/fail-closed.test.ts", "test/quick.test.ts"],
    exclude: [
      "test/engine/sgx/corpus.test.ts",
      "test/engine/policy/sdk-traps.test.ts",
      // Their threads run what `npm run build` has made, which is never mutated.
      "test/hooks/guarded/*.test.ts",
    ],
    testTimeout: 60_000,
  },
});
