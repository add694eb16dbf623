/**
 * Work that may not end, ended. Truth: Node's `vm` module, `timeout` of `script.runInContext`: it interrupts whatever runs
 * synchronously below the call, WebAssembly and functions of the outer realm included, and nothing below can catch that.
 */

import { createContext, Script } from "node:vm";

const WORK = new Script("work()");

/**
 * What `work` gives, or null where that takes longer. What is synchronous up to its first `await` is interrupted; what comes
 * after that is only waited for no longer. Its errors are the caller's. Whatever it was changing when it was interrupted may
 * be half changed: let go of it.
 */
export async function within<Value>(
  timeoutMs: number,
  work: () => Value | Promise<Value>,
): Promise<{ readonly value: Value } | null> {
  const started = performance.now();
  let given: Value | Promise<Value>;
  try {
    given = WORK.runInContext(createContext({ work }), { timeout: Math.max(1, Math.ceil(timeoutMs)) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return null;
    throw error;
  }
  return given instanceof Promise ? soon(given, timeoutMs - (performance.now() - started)) : { value: given };
}

async function soon<Value>(given: Promise<Value>, leftMs: number): Promise<{ readonly value: Value } | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), Math.max(0, leftMs));
  });
  try {
    return await Promise.race([given.then((value) => ({ value })), late]);
  } finally {
    clearTimeout(timer);
  }
}
