import type { ApiClient } from "./client.ts";
import { writeErr } from "./output.ts";

/** Signals that are handed on to the container; the others concern our own process. */
const PROXIED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCONT"] as const;

/** After so many requests to end we end, whatever the container does. */
const PATIENCE = 3;

/** Hands the signals that we get on to a container. Returns what ends that. */
export function proxySignals(client: ApiClient, container: string): () => void {
  let requests = 0;
  const forward = (signal: string) => {
    if (signal === "SIGINT" || signal === "SIGTERM") requests++;
    if (requests >= PATIENCE) {
      writeErr(`\ngot ${PATIENCE} SIGTERM/SIGINTs, forcefully exiting\n`);
      process.exit(1);
    }
    // The container may have ended just now; then there is nobody to tell.
    client.post(`/containers/${container}/kill`, { query: { signal: signal.replace("SIG", "") } }).catch(() => {});
  };
  for (const signal of PROXIED) process.on(signal, forward);
  return () => {
    for (const signal of PROXIED) process.off(signal, forward);
  };
}
