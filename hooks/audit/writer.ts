/**
 * The thread that writes an audit log: started by audit-log.ts, which hands records over in batches (engine/audit-pack.ts)
 * and is told when they last. What is said between the two stands in messages.ts.
 */

import { parentPort, workerData } from "node:worker_threads";
import { checkpointSigner, checkpointVerifier } from "./checkpoint.js";
import type { FromWriter, ToWriter, WriterOptions } from "./messages.js";
import { Recorder, troubleOf } from "./recorder.js";
import { startLog } from "./start.js";

const port = parentPort;
if (port === null) throw new Error("this file is a worker thread's, started by audit-log");

const tell = (message: FromWriter, given: readonly ArrayBuffer[] = []): void => port.postMessage(message, given);

try {
  const options = workerData as WriterOptions;
  const { directory, checkpointKey, checkpointRecords, acceptDamage } = options;
  const signer = checkpointKey === null ? null : await checkpointSigner(checkpointKey);
  const verifier = checkpointKey === null ? null : await checkpointVerifier(checkpointKey);
  const key = signer === null ? null : { alg: signer.alg, kid: signer.kid };
  const started = await startLog({ directory, key, checkpointRecords, verifier, acceptDamage });
  const recorder = new Recorder(started.files, options, signer, (message, given) => {
    tell(message, given);
    if (message.type === "closed") port.close();
  });
  await recorder.begin(started.repairs);
  port.on("message", (message: ToWriter) => recorder.push(message));
  tell({ type: "started", place: recorder.place, repaired: started.repairs.length });
} catch (error) {
  tell({ type: "not_started", trouble: troubleOf(error) });
  port.close();
}
