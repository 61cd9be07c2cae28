import { resolve } from "node:path";
import { CliError } from "../cli-error.ts";
import type { ApiClient } from "../client.ts";
import { defineCommand, noArgs } from "../command.ts";
import { bool, string } from "../flag-types.ts";

interface Facts {
  state: string;
  server?: string;
  nodes?: { name: string; ready: boolean }[];
}

const LOOK_EVERY_MS = 25;
const PATIENCE_MS = 60_000;

export const command = defineCommand({
  usage: "[OPTIONS]",
  summary: "Start the cluster and wait until it takes work",
  description:
    "Start the cluster of the daemon and wait until its node takes work. It then starts with the daemon.\n" +
    "'naru kubeconfig --merge' tells kubectl where it is.",
  args: noArgs,
  flags: {
    listen: string("Address of its API, HOST:PORT (default what it was last, or 0.0.0.0:6443)"),
    "node-name": string("Name of this machine in it (default the host's name)"),
    store: string("Where it keeps its objects, etcd://HOST:PORT[,HOST:PORT] (default a file of its own)"),
    "service-cidr": string("Range of its services' addresses (default 10.96.0.0/16, or the next that is free)"),
    "ingress-http": string("Where its ingresses are served, HOST:PORT (default 0.0.0.0:80)"),
    "ingress-https": string("The same over TLS, HOST:PORT (default 0.0.0.0:443)"),
    "max-container-restart-period": string("Longest wait before a failing container is started again (default 5m)"),
    "audit-policy-file": string("Which requests to its API are written down, audit.k8s.io/v1"),
    "audit-log-path": string(
      "Where they are written down on the daemon's machine; - for its standard output, none to end it",
    ),
    "no-wait": bool("Do not wait for the node"),
  },
  async run({ flags, context }) {
    const client = await context.client();
    const startedAt = performance.now();
    const settings = {
      listen: flags.listen,
      nodeName: flags["node-name"],
      store: flags.store,
      serviceCidr: flags["service-cidr"],
      ingressHttp: flags["ingress-http"],
      ingressHttps: flags["ingress-https"],
      maxContainerRestartPeriod: flags["max-container-restart-period"],
      auditPolicyFile: wholePath(flags["audit-policy-file"]),
      auditLogPath: wholePath(flags["audit-log-path"]),
    };
    const { server = "" } = await client.post<Facts>("/naru/cluster/start", { json: settings });
    const ready = flags["no-wait"] ? [] : await waitForNodes(client);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const nodes = ready.length === 0 ? "" : `, ready: ${ready.join(", ")}`;
    context.print(`cluster at ${server} (${seconds} s${nodes})\n`);
  },
});

/** The daemon works in a directory of its own: a path is meant from here, as the source of a mount is. "": none was given. */
function wholePath(path: string): string {
  return ["", "-", "none"].includes(path) ? path : resolve(path);
}

async function waitForNodes(client: ApiClient): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const { nodes = [] } = await client.get<Facts>("/naru/cluster");
    if (nodes.length > 0 && nodes.some(({ ready }) => ready))
      return nodes.filter(({ ready }) => ready).map(({ name }) => name);
    await Bun.sleep(LOOK_EVERY_MS);
  }
  throw new CliError(
    `the cluster runs, but its node was not ready within ${PATIENCE_MS / 1000} seconds: see 'kubectl describe nodes' and the daemon's log`,
  );
}
