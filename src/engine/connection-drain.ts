/** Lets requests end that a container has taken, before it is stopped while another one of its service takes the new ones. */
import type { Container } from "./container.ts";
import type { EngineContext } from "./engine-context.ts";

/** States of connections in /proc/net/tcp (include/net/tcp_states.h). */
const ESTABLISHED = "01";
const SYN_RECEIVED = "03";
const LISTENING = "0A";
const PAUSE_MS = 20;
/** Connections that stay open without requests are not waited for any longer. */
const PATIENCE_MS = 2000;
/** Who has just asked for the name may connect a moment later. */
const CALM_MS = 400;

/** How long a successor that has just been started may take until it accepts connections. */
const SUCCESSOR_PATIENCE_MS = 5000;
const SUCCESSOR_PAUSE_MS = 50;

/**
 * Before a container is stopped: waits until another one of its Compose service takes the connections, where one is starting, and then
 * until nobody is connected any more. At most some seconds, and at once where the container is alone. Never fails.
 */
export async function handOver(context: EngineContext, container: Container): Promise<void> {
  const deadline = Date.now() + SUCCESSOR_PATIENCE_MS;
  while (container.hasProcess && Date.now() < deadline) {
    const successor = context.networks.leaveService(container.id);
    if (successor === "ready") return await drainConnections(context, container);
    if (successor === "none") return;
    await Bun.sleep(SUCCESSOR_PAUSE_MS);
  }
}

/** Resolves when nobody is connected to what the container serves, at the latest after 2 s. Never fails. */
async function drainConnections({ networks }: EngineContext, container: Container): Promise<void> {
  const start = Date.now();
  let busyMs = start;
  while (container.hasProcess) {
    const { isServing, isBusy } = await readConnections(container.process?.pid);
    const now = Date.now();
    if (isBusy) busyMs = now;
    if (!isServing || now - busyMs >= CALM_MS || now - start >= PATIENCE_MS) return;
    await Bun.sleep(PAUSE_MS);
    // When all of a service stop, nobody is left to take connections.
    if (networks.leaveService(container.id) !== "ready") return;
  }
}

/** Whether processes in the container's network namespace listen, and whether somebody is connected to them. */
async function readConnections(pid: number | undefined): Promise<{ isServing: boolean; isBusy: boolean }> {
  if (!pid) return { isServing: false, isBusy: false };
  const tables = await Promise.all(["tcp", "tcp6"].map((name) => readTable(`/proc/${pid}/net/${name}`)));
  const sockets = tables.flat();
  const served = new Set(sockets.filter(({ state }) => state === LISTENING).map(({ port }) => port));
  const isBusy = sockets.some(
    ({ port, state }) => served.has(port) && (state === ESTABLISHED || state === SYN_RECEIVED),
  );
  return { isServing: served.size > 0, isBusy };
}

/** ::1 and 127.0.0.0/8 as /proc/net/tcp writes them: the name server and health checks are no clients. */
const isLoopback = (address: string) =>
  address.length === 8 ? address.endsWith("7F") : address === "00000000000000000000000001000000";

/** Local port (hexadecimal) and state of each socket that others may reach; none when the process has gone. */
async function readTable(path: string): Promise<{ port: string; state: string }[]> {
  const text = await Bun.file(path)
    .text()
    .catch(() => "");
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local = "", , state = ""] = line.trim().split(/\s+/);
      const [address = "", port = ""] = local.split(":");
      return port === "" || isLoopback(address) ? [] : [{ port, state }];
    });
}
