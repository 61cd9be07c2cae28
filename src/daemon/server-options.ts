/** The registry and the cluster inside the daemon, out of the settings registry… and cluster…. */
import { join } from "node:path";
import type { ClusterSettings } from "../kube/cluster-control.ts";
import { absolutePath, type OptionReader } from "./option-reader.ts";
import type { DaemonOptions } from "./options.ts";
import { badSetting } from "./setting-error.ts";

/** @throws invalid for settings of a registry that is not to be served */
export function registryOption(read: OptionReader): DaemonOptions["registry"] {
  const settings = read.optionalText("registry");
  const configFile = read.optionalText("registry-config");
  if (settings === undefined) {
    if (configFile === undefined) return undefined;
    throw badSetting("registry-config is for the daemon's registry: say where it listens with registry=HOST:PORT");
  }
  const dataRoot = absolutePath(read.text("data-root", "/var/lib/naru"));
  return { settings, root: absolutePath(read.text("registry-root", join(dataRoot, "registry"))), configFile };
}

/** @throws invalid for settings of a cluster that is not to be started */
export function clusterOption(read: OptionReader): DaemonOptions["cluster"] {
  const settings: ClusterSettings = Object.fromEntries(
    Object.entries({
      listen: read.optionalText("cluster-listen"),
      store: read.optionalText("cluster-store"),
      nodeName: read.optionalText("cluster-node-name"),
      serviceCidr: read.optionalText("cluster-service-cidr"),
      ingressHttp: read.optionalText("cluster-ingress-http"),
      ingressHttps: read.optionalText("cluster-ingress-https"),
      maxContainerRestartPeriod: read.optionalText("cluster-max-container-restart-period"),
      auditPolicyFile: read.optionalText("cluster-audit-policy-file"),
      auditLogPath: read.optionalText("cluster-audit-log-path"),
      auditLogMaxsize: read.value<number>("cluster-audit-log-maxsize"),
      auditLogMaxbackup: read.value<number>("cluster-audit-log-maxbackup"),
    }).filter(([, value]) => value !== undefined),
  );
  const { auditPolicyFile, auditLogPath } = settings;
  if (auditLogPath !== "none" && (auditPolicyFile === undefined) !== (auditLogPath === undefined)) {
    throw badSetting("the cluster's audit needs both: cluster-audit-policy-file and cluster-audit-log-path");
  }
  if (read.bool("cluster", false)) return settings;
  if (Object.keys(settings).length === 0) return undefined;
  throw badSetting("the settings cluster-… are for the daemon's cluster: set cluster too");
}
