/** Lets requests end that a container has taken, before it is stopped while another one of its service takes the new ones. */
import type { Container } from "./container.ts";

/** States of connections in /proc/net/tcp (include/net/tcp_states.h). */
const ESTABLISHED = "01";
const SYN_RECEIVED = "03";
const LISTENING = "0A";
const PAUSE_MS = 10;
/** Connections that stay open without requests are not waited for any longer. */
const PATIENCE_MS = 2000;
/** Who has just asked for the name may connect a moment later. */
const CALM_ROUNDS = 30;

/** Resolves when nobody is connected to what the container serves, at the latest after 2 s. Never fails. */
export async function drainConnections(container: Container): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let calm = 0; calm < CALM_ROUNDS && Date.now() < deadline && container.hasProcess; ) {
    await Bun.sleep(PAUSE_MS);
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
