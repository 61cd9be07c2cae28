/** All builtin kinds. A new one is its declaration and a line here. */

import type { KubeObject } from "../../model/kubernetes/object.ts";
import { customResourceDefinitions } from "../custom-resources/declaration.ts";
import type { ResourceDefinition } from "../machinery/definition.ts";
import { anyKind } from "../machinery/registry.ts";
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from "./admission-policies.ts";
import { apiServices } from "./api-services.ts";
import { horizontalPodAutoscalers } from "./autoscalers.ts";
import { certificateSigningRequests } from "./certificate-requests.ts";
import { ingressClasses, leases, priorityClasses, runtimeClasses } from "./classes.ts";
import { builtinColumns } from "./columns/builtin-columns.ts";
import { cronJobs } from "./cron-jobs.ts";
import { controllerRevisions, daemonSets } from "./daemon-sets.ts";
import { deployments, replicaSets } from "./deployments.ts";
import { endpointSlices, endpoints } from "./endpoints.ts";
import { events } from "./events.ts";
import { flowSchemas, priorityLevelConfigurations } from "./flow-control.ts";
import { clusterRoleBindings, clusterRoles, roleBindings, roles, serviceAccounts } from "./identities.ts";
import { ingresses, networkPolicies } from "./ingresses.ts";
import { jobs } from "./jobs.ts";
import { limitRanges, podDisruptionBudgets, resourceQuotas } from "./limits.ts";
import { namespaces } from "./namespaces.ts";
import { nodes } from "./nodes.ts";
import { pods, podTemplates } from "./pods.ts";
import { replicationControllers } from "./replication-controllers.ts";
import { ipAddresses, serviceCidrs } from "./service-ranges.ts";
import { services } from "./services.ts";
import { configMaps, secrets } from "./settings.ts";
import { statefulSets } from "./stateful-sets.ts";
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
} from "./storage.ts";
import { persistentVolumeClaims, persistentVolumes } from "./volumes.ts";
import { mutatingWebhookConfigurations, validatingWebhookConfigurations } from "./webhook-configurations.ts";

function shown<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  const columns = builtinColumns(definition.type);
  return anyKind(columns === undefined ? definition : ({ ...definition, columns } as ResourceDefinition<T>));
}

export const BUILTIN_DEFINITIONS: readonly ResourceDefinition[] = [
  shown(pods),
  shown(podTemplates),
  shown(services),
  shown(nodes),
  shown(namespaces),
  shown(configMaps),
  shown(secrets),
  shown(serviceAccounts),
  shown(events),
  shown(endpoints),
  shown(persistentVolumes),
  shown(persistentVolumeClaims),
  shown(replicationControllers),
  shown(resourceQuotas),
  shown(limitRanges),
  shown(deployments),
  shown(replicaSets),
  shown(statefulSets),
  shown(daemonSets),
  shown(controllerRevisions),
  shown(jobs),
  shown(cronJobs),
  shown(horizontalPodAutoscalers),
  shown(podDisruptionBudgets),
  shown(endpointSlices),
  shown(leases),
  shown(ingresses),
  shown(ingressClasses),
  shown(networkPolicies),
  shown(serviceCidrs),
  shown(ipAddresses),
  shown(roles),
  shown(roleBindings),
  shown(clusterRoles),
  shown(clusterRoleBindings),
  shown(priorityClasses),
  shown(runtimeClasses),
  shown(storageClasses),
  shown(csiDrivers),
  shown(csiNodes),
  shown(csiStorageCapacities),
  shown(volumeAttachments),
  shown(volumeAttributesClasses),
  shown(certificateSigningRequests),
  shown(flowSchemas),
  shown(priorityLevelConfigurations),
  shown(customResourceDefinitions),
  shown(apiServices),
  shown(mutatingWebhookConfigurations),
  shown(validatingWebhookConfigurations),
  shown(validatingAdmissionPolicies),
  shown(validatingAdmissionPolicyBindings),
];
