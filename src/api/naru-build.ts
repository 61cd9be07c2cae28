/** naru's own way to build: the connection of `naru build` leaves HTTP for the frames of lib/build-channels.ts. */
import type { Duplex } from "node:stream";
import type { CommandBuilds } from "../build/command/command-builds.ts";
import type { ChannelTransport } from "../lib/build-channels.ts";
import { closeGently, writeAll } from "../lib/stream-writing.ts";
import type { Call, Handlers } from "./router.ts";

export function naruBuildHandlers(builds: CommandBuilds): Handlers {
  return { NaruBuild: (call) => build(builds, call) };
}

async function build(builds: CommandBuilds, { exchange, signal }: Call): Promise<void> {
  const connection = exchange.takeConnection();
  connection.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
  try {
    await builds.serve(transportOf(connection, signal), signal);
  } finally {
    closeGently(connection);
  }
}

function transportOf(connection: Duplex, signal: AbortSignal): ChannelTransport {
  const chunks = connection[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return {
    async read() {
      if (signal.aborted) return undefined;
      const { done, value } = await chunks.next();
      return done ? undefined : value;
    },
    write: (data) => writeAll(connection, data, signal),
  };
}
