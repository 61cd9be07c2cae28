/** A stand-in for the daemon that its test kills: starts the monitor told on stdin and says when it has started. */
import type { MonitorOptions } from "../../src/runtime/monitor-command.ts";
import { MonitorConnection } from "../../src/runtime/monitor-connection.ts";

const options = (await new Response(Bun.stdin.stream()).json()) as MonitorOptions;
const connection = await MonitorConnection.spawn(options);
console.log((await connection.started).kind);
await connection.closed;
