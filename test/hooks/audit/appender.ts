/**
 * A process that appends to an audit log as fast as it can, many at once, and says on stdout which launches it was told are
 * recorded: for crash.test.ts, which kills it. Argument: the log's directory.
 */

import { writeSync } from "node:fs";
import { openAuditLog } from "../../../hooks/audit/audit-log.js";
import { createGate } from "../../../hooks/index.js";
import { makeEvent } from "../../support/events.js";

const directory = process.argv[2] ?? "";
const gate = createGate({ profile: "open" });
const event = makeEvent();
const log = await openAuditLog({ directory, rotateBytes: 2_000_000, checkpointRecords: 50 });
log.note("started", { pid: process.pid });
writeSync(1, "ready\n");

function launch(): void {
  const judged = gate.judge(event);
  log.append(judged, undefined, (failure) => {
    writeSync(1, `${failure === null ? judged.decision.decision : failure.code} ${judged.decision.decision_id}\n`);
    setImmediate(launch);
  });
}
for (let n = 0; n < 64; n += 1) launch();
