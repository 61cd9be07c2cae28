/** Lets requests end that a container has taken, before it is stopped while another one of its service takes the new ones. */
import type { Container } from "./container.ts";
import type { EngineContext } from "./engine-context.ts";

/** States of connections in /proc/net/tcp (include/net/tcp_states.h). */
const ESTABLISHED = "01";
const SYN_RECEIVED = "03";
const LISTENING = "0A";
const PAUSE_MS = 10;
/** Connections that stay open without requests are not waited for any longer. */
const PATIENCE_MS = 2000;
/** Who has just asked for the name may connect a moment later. */
const CALM_ROUNDS = 30;

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
  const deadline = Date.now() + PATIENCE_MS;
  for (let calm = 0; calm < CALM_ROUNDS && Date.now() < deadline && container.hasProcess; ) {
    await Bun.sleep(PAUSE_MS);
    // When all of a service stop, nobody is left to take connections.
    if (networks.leaveService(container.id) !== "ready") return;
    calm = (await hasConnections(container.process?.pid)) ? 0 : calm + 1;
  }
}

async function hasConnections(pid: number | undefined): Promise<boolean> {
  if (!pid) return false;
  const tables = await Promise.all(["tcp", "tcp6"].map((name) => readTable(`/proc/${pid}/net/${name}`)));
  const sockets = tables.flat();
  const served = new Set(sockets.filter(({ state }) => state === LISTENING).map(({ port }) => port));
  return sockets.some(({ port, state }) => served.has(port) && (state === ESTABLISHED || state === SYN_RECEIVED));
}

/** Local port (hexadecimal) and state of each socket; none when the process has gone. */
async function readTable(path: string): Promise<{ port: string; state: string }[]> {
  const text = await Bun.file(path)
    .text()
    .catch(() => "");
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local = "", , state = ""] = line.trim().split(/\s+/);
      return local === "" ? [] : [{ port: local.slice(local.indexOf(":") + 1), state }];
    });
}
