/** Which kind is described by what. */

import type { ServedType } from "../resource-types.ts";
import { anyObjectLines } from "./any-object.ts";
import {
  configMapLines,
  limitRangeLines,
  namespaceLines,
  priorityClassLines,
  quotaLines,
  secretLines,
  serviceAccountLines,
} from "./configuration.ts";
import type { Describer } from "./describer.ts";
import { ingressClassLines, networkPolicyLines } from "./network-policies.ts";
import { nodeLines } from "./nodes.ts";
import { podLines } from "./pods.ts";
import { bindingLines, roleLines } from "./roles.ts";
import {
  autoscalerLines,
  budgetLines,
  endpointSliceLines,
  endpointsLines,
  ingressLines,
  serviceLines,
} from "./services.ts";
import { claimDescription, storageClassLines, volumeDescription } from "./storage.ts";
import {
  cronJobLines,
  daemonSetLines,
  deploymentLines,
  jobLines,
  replicaSetDescription,
  statefulSetLines,
} from "./workloads.ts";

interface Known {
  readonly describe: Describer;
  readonly hasEvents: boolean;
}
const withEvents = (describe: Describer): Known => ({ describe, hasEvents: true });
const alone = (describe: Describer): Known => ({ describe, hasEvents: false });

const DESCRIBERS: Record<string, Known> = {
  configmaps: withEvents(configMapLines),
  endpoints: withEvents(endpointsLines),
  limitranges: alone(limitRangeLines),
  namespaces: alone(namespaceLines),
  nodes: withEvents(nodeLines),
  persistentvolumeclaims: withEvents(claimDescription),
  persistentvolumes: withEvents(volumeDescription),
  pods: withEvents(podLines),
  replicationcontrollers: withEvents(replicaSetDescription),
  resourcequotas: alone(quotaLines),
  secrets: alone(secretLines),
  serviceaccounts: withEvents(serviceAccountLines),
  services: withEvents(serviceLines),
  "deployments.apps": withEvents(deploymentLines),
  "replicasets.apps": withEvents(replicaSetDescription),
  "statefulsets.apps": withEvents(statefulSetLines),
  "daemonsets.apps": withEvents(daemonSetLines),
  "jobs.batch": withEvents(jobLines),
  "cronjobs.batch": withEvents(cronJobLines),
  "horizontalpodautoscalers.autoscaling": withEvents(autoscalerLines),
  "ingresses.networking.k8s.io": withEvents(ingressLines),
  "ingressclasses.networking.k8s.io": withEvents(ingressClassLines),
  "networkpolicies.networking.k8s.io": alone(networkPolicyLines),
  "endpointslices.discovery.k8s.io": withEvents(endpointSliceLines),
  "poddisruptionbudgets.policy": withEvents(budgetLines),
  "priorityclasses.scheduling.k8s.io": withEvents(priorityClassLines),
  "storageclasses.storage.k8s.io": withEvents(storageClassLines),
  "roles.rbac.authorization.k8s.io": alone(roleLines),
  "clusterroles.rbac.authorization.k8s.io": alone(roleLines),
  "rolebindings.rbac.authorization.k8s.io": alone(bindingLines),
  "clusterrolebindings.rbac.authorization.k8s.io": alone(bindingLines),
};

/** How a type is described; types that nobody knows by all their fields. */
export function describerOf({ resource, group }: ServedType): Known {
  return DESCRIBERS[group === "" ? resource : `${resource}.${group}`] ?? withEvents(anyObjectLines);
}
