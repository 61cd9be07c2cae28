import { createServer, type Server, type Socket } from "node:net";
import { closeGently, writeAll } from "../../lib/stream-writing.ts";
import { CliError } from "../cli-error.ts";
import { strings } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { podPath } from "./exec-command.ts";
import { type ForwardedPort, forwardedPort, type ServiceLike } from "./forwarded-ports.ts";
import { type PodLike, podOf, podTarget } from "./pod-of.ts";
import { PodWebSocket } from "./pod-websocket.ts";
import { objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";

const CHANNELS = { data: 0, error: 1 };

export const command = defineKubectlCommand({
  usage: "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
  summary: "Reach ports of a pod from this machine",
  flags: {
    address: strings("Addresses to listen on, divided by commas: IP addresses or localhost (default localhost)"),
    "pod-running-timeout": durationText("How long to wait for a pod that runs", { initial: "1m0s" }),
  },
  async run({ flags, args, context }) {
    const [word, ...ports] = args;
    if (word === undefined || ports.length === 0) {
      throw new CliError(
        `error: TYPE/NAME and list of ports are required for port-forward\nSee '${context.program} port-forward -h' for help and examples`,
      );
    }
    const pod = await podOf(context, word, flags["pod-running-timeout"]);
    const target = await podTarget(context, word);
    const isService = target.type.group === "" && target.type.resource === "services";
    const service = isService ? await (await context.api()).get<ServiceLike>(objectPath(target)) : undefined;
    const wanted = ports.map((port) => forwardedPort(port, pod, service));
    const phase = pod.status?.phase ?? "Unknown";
    if (phase !== "Running")
      throw new CliError(`error: unable to forward port because pod is not running. Current status=${phase}`);
    const addresses = flags.address.length === 0 ? ["localhost"] : flags.address;
    const servers: Server[] = [];
    const open = new Set<Socket>();
    const take = (socket: Socket, port: ForwardedPort) => {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
      void forward(context, pod, socket, port);
    };
    try {
      for (const port of wanted) servers.push(...(await listenFor(context, port, addresses, take)));
      await untilPodIsGone(context, pod);
    } finally {
      for (const server of servers) server.close();
      // Their clients need not know, and would keep us from ending.
      for (const socket of open) socket.destroy();
    }
    throw new CliError("error: lost connection to pod");
  },
});

/** "localhost" is both 127.0.0.1 and ::1; one of them is enough. @param take gets each connection */
async function listenFor(
  context: KubectlContext,
  { local, remote }: ForwardedPort,
  addresses: readonly string[],
  take: (socket: Socket, port: ForwardedPort) => void,
): Promise<Server[]> {
  const servers: Server[] = [];
  let port = local;
  for (const address of addresses) {
    const hosts = address === "localhost" ? ["127.0.0.1", "::1"] : [address];
    const failures: string[] = [];
    for (const host of hosts) {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        context.print(`Handling connection for ${port}\n`);
        take(socket, { local: port, remote });
      });
      try {
        port = await listening(server, host, port);
        servers.push(server);
        context.print(`Forwarding from ${host.includes(":") ? `[${host}]` : host}:${port} -> ${remote}\n`);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
    if (failures.length === hosts.length) {
      for (const server of servers) server.close();
      throw new CliError(
        `Unable to listen on port ${port}: Listeners failed to create with the following errors: [${failures.join(" ")}]\nerror: unable to listen on any of the requested ports: [{${local} ${remote}}]`,
      );
    }
  }
  return servers;
}

async function listening(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return (server.address() as { port: number }).port;
}

/** One connection, over a WebSocket of its own: what goes wrong with it leaves the others alone. */
async function forward(context: KubectlContext, pod: PodLike, socket: Socket, port: ForwardedPort): Promise<void> {
  const tell = (why: string) =>
    context.printError(`an error occurred forwarding ${port.local} -> ${port.remote}: ${why}\n`);
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  // What broke the connection here is the client's to know.
  socket.on("error", () => {});
  try {
    const path = `${await podPath(context, pod, "portforward")}?ports=${port.remote}`;
    const remote = await PodWebSocket.open((await context.api()).access, path);
    gone.signal.addEventListener("abort", () => remote.close());
    // The client may have gone while the pod was asked.
    if (gone.signal.aborted) return remote.close();
    void sendAll(socket, remote);
    const announced = new Set<number>();
    for await (const { channel, data } of remote.messages()) {
      // The first message of each channel tells the port's number.
      if (!announced.has(channel)) announced.add(channel);
      else if (channel === CHANNELS.error) tell(new TextDecoder().decode(data));
      else if (channel === CHANNELS.data) await writeAll(socket, data, gone.signal);
    }
    // The pod's side has closed: what the client might still send would go nowhere.
    remote.close();
    closeGently(socket);
  } catch (error) {
    if (!socket.destroyed) tell((error as Error).message.replace(/^error: /, ""));
    socket.destroySoon();
  }
}

async function sendAll(socket: Socket, remote: PodWebSocket): Promise<void> {
  try {
    // What it ends is only its own direction: the answer may still be on its way.
    for await (const bytes of socket.iterator({ destroyOnReturn: false }))
      await remote.send(CHANNELS.data, bytes as Uint8Array);
    await remote.endChannel(CHANNELS.data);
  } catch {
    // One of the two is gone; the reading side tells of it.
  }
}

async function untilPodIsGone(context: KubectlContext, pod: PodLike): Promise<void> {
  const api = await context.api();
  const { name, namespace, uid } = pod.metadata;
  const path = pathOf((await context.types()).ofKind("v1", "Pod"), namespace);
  const query = { fieldSelector: `metadata.name=${name}` };
  for (;;) {
    const seen = await api.get<{ items?: PodLike[]; metadata?: { resourceVersion?: string } }>(path, { query });
    const found = seen.items?.[0];
    if (found === undefined || found.metadata.uid !== uid || found.status?.phase !== "Running") return;
    const watched = { ...query, watch: true, resourceVersion: seen.metadata?.resourceVersion };
    for await (const { type, object } of api.lines<{ type: string; object: PodLike }>(path, { query: watched })) {
      if (type === "DELETED" || (type === "MODIFIED" && object.status?.phase !== "Running")) return;
      if (type === "ERROR") break;
    }
  }
}
