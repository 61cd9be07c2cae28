import type { Pod } from "../../../model/kubernetes/core.ts";
import { containersLines } from "./containers.ts";
import { ageSince, annotationLines, controlledBy, labelLines, timeText } from "./describer.ts";
import { nodeSelectorLines, tolerationLines, volumeLines } from "./pod-volumes.ts";

/** A pod with its containers and volumes; events are the caller's. */
export function podLines(pod: Pod): string[] {
  const { metadata = {}, spec, status = {} } = pod;
  const node = spec?.nodeName ? `${spec.nodeName}/${status.hostIP ?? ""}` : "<none>";
  const seccomp = spec?.securityContext?.seccompProfile;
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...(spec?.priority === undefined ? [] : [`Priority:\t${spec.priority}`]),
    ...(spec?.priorityClassName ? [`Priority Class Name:\t${spec.priorityClassName}`] : []),
    ...(spec?.runtimeClassName ? [`Runtime Class Name:\t${spec.runtimeClassName}`] : []),
    `Service Account:\t${spec?.serviceAccountName ?? ""}`,
    `Node:\t${node}`,
    ...(status.startTime === undefined ? [] : [`Start Time:\t${timeText(status.startTime)}`]),
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    ...phaseLines(pod),
    ...(seccomp === undefined ? [] : [`SeccompProfile:\t${seccomp.type}`]),
    `IP:\t${status.podIP ?? ""}`,
    ...((status.podIPs ?? []).length === 0
      ? ["IPs:\t<none>"]
      : ["IPs:", ...status.podIPs!.map(({ ip }) => `  IP:\t${ip}`)]),
    ...controlledBy(metadata),
    ...(status.nominatedNodeName ? [`NominatedNodeName:\t${status.nominatedNodeName}`] : []),
    ...containersLines("Init Containers", spec?.initContainers, status.initContainerStatuses ?? [], pod),
    ...containersLines("Containers", spec?.containers, status.containerStatuses ?? [], pod),
    ...containersLines("Ephemeral Containers", spec?.ephemeralContainers, status.ephemeralContainerStatuses ?? [], pod),
    ...gateLines(pod),
    ...conditionLines(pod),
    ...volumeLines(spec?.volumes, ""),
    `QoS Class:\t${status.qosClass ?? ""}`,
    ...nodeSelectorLines(spec ?? {}, ""),
    ...tolerationLines(spec?.tolerations, ""),
  ];
}

function phaseLines({ metadata = {}, status = {} }: Pod): string[] {
  if (metadata.deletionTimestamp === undefined) {
    return [
      `Status:\t${status.phase ?? ""}`,
      ...(status.reason ? [`Reason:\t${status.reason}`] : []),
      ...(status.message ? [`Message:\t${status.message}`] : []),
    ];
  }
  return [
    `Status:\tTerminating (lasts ${ageSince(metadata.deletionTimestamp)})`,
    `Termination Grace Period:\t${metadata.deletionGracePeriodSeconds ?? 0}s`,
    ...(status.reason ? [`Reason:\t${status.reason}`] : []),
    ...(status.message ? [`Message:\t${status.message}`] : []),
  ];
}

function gateLines({ spec, status }: Pod): string[] {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return [];
  const rows = gates.map(({ conditionType }) => {
    const found = status?.conditions?.find(({ type }) => type === conditionType);
    return `  ${conditionType} \t${found?.status ?? "<none>"} `;
  });
  return ["Readiness Gates:", "  Type\tStatus", ...rows];
}

function conditionLines({ status }: Pod): string[] {
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return [];
  return ["Conditions:", "  Type\tStatus", ...conditions.map(({ type, status: value }) => `  ${type} \t${value} `)];
}
