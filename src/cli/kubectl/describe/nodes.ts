import type { Lease } from "../../../model/kubernetes/coordination.ts";
import type { Node, Pod } from "../../../model/kubernetes/core.ts";
import {
  addQuantities,
  formatQuantity,
  NO_QUANTITY,
  parseQuantity,
  type Quantity,
} from "../../../model/kubernetes/quantity.ts";
import { type KubeApi, KubeApiError } from "../kube-api.ts";
import { ageSince, annotationLines, labelLines, timeText } from "./describer.ts";

const ROLE = "node-role.kubernetes.io/";
type Amounts = Record<string, string>;

/** A node with its lease and the pods on it, which are asked for. @throws KubeApiError */
export async function nodeLines(node: Node, api: KubeApi): Promise<string[]> {
  const { metadata = {}, spec = {}, status = {} } = node;
  const roles = Object.keys(metadata.labels ?? {})
    .filter((key) => key.startsWith(ROLE))
    .map((key) => key.slice(ROLE.length))
    .sort();
  const taints = (spec.taints ?? []).map(({ key, value, effect }) => `${key}${value ? `=${value}` : ""}:${effect}`);
  return [
    `Name:\t${metadata.name}`,
    `Roles:\t${roles.join(",") || "<none>"}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `CreationTimestamp:\t${timeText(metadata.creationTimestamp)}`,
    ...(taints.length === 0
      ? ["Taints:\t<none>"]
      : taints.map((taint, at) => `${at === 0 ? "Taints:" : ""}\t${taint}`)),
    `Unschedulable:\t${spec.unschedulable ?? false}`,
    ...(await leaseLines(metadata.name!, api)),
    ...conditionLines(node),
    "Addresses:",
    ...(status.addresses ?? []).map(({ type, address }) => `  ${type}:\t${address}`),
    ...amountLines("Capacity", status.capacity),
    ...amountLines("Allocatable", status.allocatable),
    ...systemLines(node),
    ...(spec.podCIDR ? [`PodCIDR:\t${spec.podCIDR}`] : []),
    ...((spec.podCIDRs ?? []).length === 0 ? [] : [`PodCIDRs:\t${spec.podCIDRs!.join(",")}`]),
    ...(spec.providerID ? [`ProviderID:\t${spec.providerID}`] : []),
    ...(await podLinesOf(node, api)),
  ];
}

async function leaseLines(name: string, api: KubeApi): Promise<string[]> {
  try {
    const path = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${encodeURIComponent(name)}`;
    const { spec = {} } = await api.get<Lease>(path);
    return [
      "Lease:",
      `  HolderIdentity:\t${spec.holderIdentity ?? "<unset>"}`,
      `  AcquireTime:\t${timeText(spec.acquireTime)}`,
      `  RenewTime:\t${timeText(spec.renewTime)}`,
    ];
  } catch (error) {
    if (!(error instanceof KubeApiError)) throw error;
    return [`Lease:\tFailed to get lease: ${error.status.message}`];
  }
}

function conditionLines({ status }: Node): string[] {
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return [];
  const rows = conditions.map(
    (one) =>
      `  ${one.type} \t${one.status} \t${timeText(one.lastHeartbeatTime)} \t${timeText(one.lastTransitionTime)} \t${one.reason ?? ""} \t${one.message ?? ""}`,
  );
  return [
    "Conditions:",
    "  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage",
    "  ----\t------\t-----------------\t------------------\t------\t-------",
    ...rows,
  ];
}

function amountLines(title: string, amounts: Amounts = {}): string[] {
  const names = Object.keys(amounts).sort();
  return names.length === 0 ? [] : [`${title}:`, ...names.map((name) => `  ${name}:\t${amounts[name]}`)];
}

function systemLines({ status }: Node): string[] {
  const info = status?.nodeInfo;
  return [
    "System Info:",
    `  Machine ID:\t${info?.machineID ?? ""}`,
    `  System UUID:\t${info?.systemUUID ?? ""}`,
    `  Boot ID:\t${info?.bootID ?? ""}`,
    `  Kernel Version:\t${info?.kernelVersion ?? ""}`,
    `  OS Image:\t${info?.osImage ?? ""}`,
    `  Operating System:\t${info?.operatingSystem ?? ""}`,
    `  Architecture:\t${info?.architecture ?? ""}`,
    `  Container Runtime Version:\t${info?.containerRuntimeVersion ?? ""}`,
    `  Kubelet Version:\t${info?.kubeletVersion ?? ""}`,
  ];
}

async function podLinesOf(node: Node, api: KubeApi): Promise<string[]> {
  const fieldSelector = `spec.nodeName=${node.metadata?.name},status.phase!=Succeeded,status.phase!=Failed`;
  const { items: pods = [] } = await api.get<{ items?: Pod[] }>("/api/v1/pods", { query: { fieldSelector } });
  const available = { ...node.status?.capacity, ...node.status?.allocatable };
  const cell = (name: string, values: readonly Quantity[]) => {
    const total = sum(values);
    const whole = Number(amountOf(available[name]).nano);
    return `${formatQuantity(total)} (${whole === 0 ? 0 : Math.trunc((Number(total.nano) / whole) * 100)}%)`;
  };
  const used = pods.map((pod) => ({ pod, requests: podAmounts(pod, "requests"), limits: podAmounts(pod, "limits") }));
  const rows = used.map(({ pod, requests, limits }) => {
    const cells = ["cpu", "memory"].flatMap((name) => [
      cell(name, requests.get(name) ?? []),
      cell(name, limits.get(name) ?? []),
    ]);
    const { namespace, name, creationTimestamp } = pod.metadata!;
    return `  ${namespace}\t${name}\t\t${cells.map((one) => `${one}\t`).join("")}${ageSince(creationTimestamp)}`;
  });
  const totals = Object.keys(available)
    .filter((name) => name !== "pods")
    .sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))
    .map((name) => {
      const all = (part: "requests" | "limits") =>
        cell(
          name,
          used.flatMap((one) => one[part].get(name) ?? []),
        );
      return `  ${name}\t${all("requests")}\t${all("limits")}`;
    });
  return [
    `Non-terminated Pods:\t(${pods.length} in total)`,
    "  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge",
    "  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---",
    ...rows,
    "Allocated resources:",
    "  (Total limits may be over 100 percent, i.e., overcommitted.)",
    "  Resource\tRequests\tLimits",
    "  --------\t--------\t------",
    ...totals,
  ];
}

const FIRST = ["cpu", "memory", "ephemeral-storage"];
const rank = (name: string): number => (FIRST.indexOf(name) + FIRST.length + 1) % (FIRST.length + 1);

/** Written in the system of the first amount that is not zero. */
const sum = (amounts: readonly Quantity[]): Quantity => amounts.reduce(addQuantities, NO_QUANTITY);

/** What is no amount counts as none. */
const amountOf = (text: string | undefined): Quantity =>
  (text === undefined ? undefined : parseQuantity(text)) ?? NO_QUANTITY;

/** What a pod takes: all containers together, or the greatest init container where that is more; side-cars count as containers. */
function podAmounts({ spec }: Pod, part: "requests" | "limits"): Map<string, Quantity[]> {
  const total = new Map<string, Quantity[]>();
  const add = (amounts: Amounts | undefined) => {
    for (const [name, text] of Object.entries(amounts ?? {}))
      total.set(name, [...(total.get(name) ?? []), amountOf(text)]);
  };
  for (const { resources } of spec?.containers ?? []) add(resources?.[part]);
  const inits = spec?.initContainers ?? [];
  for (const { resources } of inits.filter(({ restartPolicy }) => restartPolicy === "Always")) add(resources?.[part]);
  for (const { resources } of inits.filter(({ restartPolicy }) => restartPolicy !== "Always")) {
    for (const [name, text] of Object.entries(resources?.[part] ?? {})) {
      if (amountOf(text).nano > sum(total.get(name) ?? []).nano) total.set(name, [amountOf(text)]);
    }
  }
  for (const [name, text] of Object.entries(spec?.overhead ?? {})) {
    if (part === "requests" || total.has(name)) total.set(name, [...(total.get(name) ?? []), amountOf(text)]);
  }
  return total;
}
