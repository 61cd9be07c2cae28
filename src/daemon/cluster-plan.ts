/** What is settled about a cluster before anything of it is opened. */
import { hostname } from "node:os";
import { join } from "node:path";
import type { ClusterSettings } from "../kube/cluster-control.ts";
import { machineAddress } from "../kube/node/node-status.ts";
import { parseServiceRange, type ServiceRange } from "../kube/services/service-range.ts";
import type { ClusterSurroundings } from "./cluster.ts";
import { parseListen } from "./cluster-settings.ts";

const DEFAULT_INGRESS_HTTP = "0.0.0.0:80";
const DEFAULT_INGRESS_HTTPS = "0.0.0.0:443";

/** The settings, and the range of service addresses that is the cluster's own. */
export type SettledSettings = ClusterSettings & { readonly serviceCidr: string };

type Listen = ReturnType<typeof parseListen>;

export interface ClusterPlan {
  readonly surroundings: ClusterSurroundings;
  readonly settings: SettledSettings;
  /** Where all of it is kept. */
  readonly folder: string;
  readonly listen: Listen;
  readonly ingressHttp: Listen;
  readonly ingressHttps: Listen;
  readonly range: ServiceRange;
  readonly nodeName: string;
  /** This machine's address for others. */
  readonly address: string;
  /** Where the node agent keeps its own. */
  readonly agentRoots: { readonly dataRoot: string; readonly runRoot: string };
  /** A log of one part, for who looks closely. */
  tell(part: string): (message: string) => void;
  /** The same for what everybody should see. */
  warn(part: string): (message: string) => void;
}

/** @throws {NaruError} invalid for an address or a range that is none */
export function planCluster(surroundings: ClusterSurroundings, settings: SettledSettings): ClusterPlan {
  const { dataRoot, execRoot, log } = surroundings;
  const folder = join(dataRoot, "cluster");
  return {
    surroundings,
    settings,
    folder,
    listen: parseListen(settings.listen ?? ""),
    ingressHttp: parseListen(settings.ingressHttp ?? DEFAULT_INGRESS_HTTP),
    ingressHttps: parseListen(settings.ingressHttps ?? DEFAULT_INGRESS_HTTPS),
    range: parseServiceRange(settings.serviceCidr),
    nodeName: settings.nodeName ?? hostname().toLowerCase(),
    address: machineAddress(),
    agentRoots: { dataRoot: folder, runRoot: join(execRoot, "cluster") },
    tell: (part) => (message) => log.debug(message, { part }),
    warn: (part) => (message) => log.warn(message, { part }),
  };
}
