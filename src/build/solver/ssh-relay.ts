/** The client's SSH agent as a socket for a step: every connection is relayed to the client's session. */
import { chmod, chown, mkdir, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { NaruError } from "../../lib/errors.ts";
import { writeAll } from "../../lib/stream-writing.ts";
import type { AgentConnection, ClientSession } from "../contract.ts";
import type { BuilderConfig } from "./builder-parts.ts";
import type { ExecMount } from "./graph.ts";

interface AgentRequest {
  mount: ExecMount & { type: "ssh" };
  session: ClientSession | undefined;
}

let nextNumber = 1;

/** Where the sockets lie while steps use them. */
export function agentDirectory(execRoot: string): string {
  return join(execRoot, "build-ssh");
}

/** Listens until undone. Undefined for an optional agent that the client does not forward. */
export async function openAgentSocket(
  { config }: { config: Pick<BuilderConfig, "execRoot"> },
  { mount, session }: AgentRequest,
  undo: AsyncDisposableStack,
): Promise<string | undefined> {
  const ending = new AbortController();
  const probe = await session?.openSshAgent?.(mount.id, ending.signal);
  if (!probe) {
    if (mount.required)
      throw new NaruError("not-found", `unset ssh forward key ${mount.id}: run the build with --ssh ${mount.id}`);
    return undefined;
  }
  probe.close();
  // The path of a socket must fit into 107 bytes.
  const directory = agentDirectory(config.execRoot);
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const path = join(directory, (nextNumber++).toString(36));
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    relay(socket, () => session!.openSshAgent!(mount.id, ending.signal)).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  undo.defer(async () => {
    ending.abort();
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await rm(path, { force: true });
  });
  await chown(path, mount.uid, mount.gid);
  await chmod(path, mount.mode);
  return path;
}

async function relay(socket: Socket, open: () => Promise<AgentConnection | undefined>): Promise<void> {
  const agent = await open();
  if (!agent) {
    socket.destroy();
    return;
  }
  if (socket.destroyed) {
    agent.close();
    return;
  }
  const gone = new AbortController();
  socket.once("close", () => {
    gone.abort();
    agent.close();
  });
  const ask = async () => {
    for await (const data of socket) await agent.write(data as Uint8Array);
    agent.close();
  };
  const answer = async () => {
    for (let data = await agent.read(); data !== undefined; data = await agent.read()) {
      await writeAll(socket, data, gone.signal);
    }
    socket.end();
  };
  await Promise.all([ask(), answer()]);
}
