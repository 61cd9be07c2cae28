/** Debian's etcd on a port of its own (scripts/real-clients unpacks it). */

import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePort } from "./free-port.ts";
import { PATIENCE } from "./patience.ts";

const ETCD = join(import.meta.dir, "../../.cache/clients/usr/bin/etcd");
const PATIENCE_MS = 20_000 * PATIENCE;

export interface TestEtcd extends AsyncDisposable {
  /** As naru is told of it: "etcd://127.0.0.1:2379". */
  readonly address: string;
  /** Its JSON gateway. */
  readonly url: string;
  start(): Promise<void>;
  /** Kills it; start() brings it back with what it had. */
  stop(): Promise<void>;
}

/** Not started yet. @param folder where its data are kept; the caller removes it */
export async function prepareEtcd(folder: string): Promise<TestEtcd> {
  const [client, peer] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  let child: Subprocess | undefined;
  const stop = async () => {
    child?.kill("SIGKILL");
    await child?.exited;
    child = undefined;
  };
  return {
    address: `etcd://127.0.0.1:${client}`,
    url,
    stop,
    async start() {
      const listen = ["--listen-client-urls", url, "--advertise-client-urls", url];
      const peers = ["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl];
      const own = ["--name", "n", "--initial-cluster", `n=${peerUrl}`, "--data-dir", folder];
      const command = [ETCD, ...own, ...listen, ...peers, "--log-level", "error", "--unsafe-no-fsync"];
      child = Bun.spawn(command, { stdout: "ignore", stderr: "ignore" });
      const isHealthy = () =>
        fetch(`${url}/health`).then(
          (answer) => answer.ok,
          () => false,
        );
      for (const end = Date.now() + PATIENCE_MS; !(await isHealthy()); await Bun.sleep(20)) {
        if (Date.now() > end) throw new Error("etcd did not start");
      }
    },
    [Symbol.asyncDispose]: stop,
  };
}
