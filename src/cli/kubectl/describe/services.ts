/** Services and what leads to pods or guards and counts them: ingresses, endpoints, budgets, autoscalers. */

import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from "../../../model/kubernetes/autoscaling.ts";
import type { Endpoints, Service } from "../../../model/kubernetes/core.ts";
import type { EndpointSlice } from "../../../model/kubernetes/discovery.ts";
import type { Ingress, IngressBackend } from "../../../model/kubernetes/networking.ts";
import type { PodDisruptionBudget } from "../../../model/kubernetes/policy.ts";
import { type KubeApi, KubeApiError } from "../kube-api.ts";
import { annotationLines, labelLines, plainSelector, selectorOf, timeText } from "./describer.ts";

const slicesOf = async (api: KubeApi, namespace: string | undefined, service: string): Promise<EndpointSlice[]> => {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const query = { labelSelector: `kubernetes.io/service-name=${service}` };
  return (await api.get<{ items?: EndpointSlice[] }>(path, { query })).items ?? [];
};

/** The first three addresses that are ready, and how many more. */
function endpointsText(slices: readonly EndpointSlice[], portName: string): string {
  const found = slices.flatMap(({ ports, endpoints }) =>
    (ports ?? [])
      .filter(({ name }) => (name ?? "") === portName)
      .flatMap(({ port }) =>
        (endpoints ?? [])
          .filter(({ conditions }) => conditions?.ready !== false)
          .flatMap(({ addresses }) =>
            addresses.map((address) => `${address.includes(":") ? `[${address}]` : address}:${port}`),
          ),
      ),
  );
  const sorted = found.sort();
  return sorted.length <= 3 ? sorted.join(",") : `${sorted.slice(0, 3).join(",")} + ${sorted.length - 3} more...`;
}

/** A service with the addresses behind its ports, which are asked for. @throws KubeApiError */
export async function serviceLines({ metadata = {}, spec = {}, status }: Service, api: KubeApi): Promise<string[]> {
  const slices = await slicesOf(api, metadata.namespace, metadata.name!);
  const ingress = (status?.loadBalancer?.ingress ?? []).map((one) => one.ip || one.hostname || "").join(", ");
  const ports = (spec.ports ?? []).flatMap((port) => {
    const name = port.name || "<unset>";
    return [
      `Port:\t${name}\t${port.port}/${port.protocol ?? "TCP"}`,
      `TargetPort:\t${port.targetPort ?? port.port}/${port.protocol ?? "TCP"}`,
      ...(port.nodePort ? [`NodePort:\t${name}\t${port.nodePort}/${port.protocol ?? "TCP"}`] : []),
      `Endpoints:\t${endpointsText(slices, port.name ?? "")}`,
    ];
  });
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `Selector:\t${plainSelector(spec.selector)}`,
    `Type:\t${spec.type ?? ""}`,
    ...(spec.ipFamilyPolicy === undefined ? [] : [`IP Family Policy:\t${spec.ipFamilyPolicy}`]),
    `IP Families:\t${(spec.ipFamilies ?? []).join(",") || "<none>"}`,
    `IP:\t${spec.clusterIP ?? ""}`,
    `IPs:\t${(spec.clusterIPs ?? []).join(",") || "<none>"}`,
    ...((spec.externalIPs ?? []).length === 0 ? [] : [`External IPs:\t${spec.externalIPs!.join(",")}`]),
    ...(spec.loadBalancerIP ? [`Desired LoadBalancer IP:\t${spec.loadBalancerIP}`] : []),
    ...(spec.externalName ? [`External Name:\t${spec.externalName}`] : []),
    ...(ingress === "" ? [] : [`LoadBalancer Ingress:\t${ingress}${vip(status)}`]),
    ...ports,
    `Session Affinity:\t${spec.sessionAffinity ?? ""}`,
    ...(spec.externalTrafficPolicy ? [`External Traffic Policy:\t${spec.externalTrafficPolicy}`] : []),
    ...(spec.internalTrafficPolicy ? [`Internal Traffic Policy:\t${spec.internalTrafficPolicy}`] : []),
    ...(spec.healthCheckNodePort ? [`HealthCheck NodePort:\t${spec.healthCheckNodePort}`] : []),
    ...((spec.loadBalancerSourceRanges ?? []).length === 0
      ? []
      : [`LoadBalancer Source Ranges:\t${spec.loadBalancerSourceRanges!.join(",")}`]),
  ];
}

function vip(status: Service["status"]): string {
  const mode = status?.loadBalancer?.ingress?.[0]?.ipMode;
  return mode === undefined ? "" : ` (${mode})`;
}

/** An ingress with the addresses behind its rules, which are asked for. @throws KubeApiError */
export async function ingressLines({ metadata = {}, spec, status }: Ingress, api: KubeApi): Promise<string[]> {
  const text = (backend: IngressBackend) => backendText(backend, metadata.namespace, api);
  const rules: string[] = [];
  for (const { host, http } of spec?.rules ?? []) {
    rules.push(`  ${host || "*"}\t`);
    for (const { path, backend } of http?.paths ?? []) rules.push(`    \t${path ?? ""} \t${await text(backend)}`);
  }
  if (rules.length === 0) {
    rules.push(`  *\t*\t${spec?.defaultBackend === undefined ? "<default>" : await text(spec.defaultBackend)}`);
  }
  const tls = (spec?.tls ?? []).map(({ secretName, hosts = [] }) =>
    secretName ? `  ${secretName} terminates ${hosts.join(",")}` : `  SNI routes ${hosts.join(",")}`,
  );
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || "");
  return [
    `Name:\t${metadata.name}`,
    ...labelLines(metadata),
    `Namespace:\t${metadata.namespace}`,
    `Address:\t${addresses.join(",")}`,
    `Ingress Class:\t${spec?.ingressClassName ?? "<none>"}`,
    `Default backend:\t${spec?.defaultBackend === undefined ? "<default>" : await text(spec.defaultBackend)}`,
    ...(tls.length === 0 ? [] : ["TLS:", ...tls]),
    "Rules:",
    "  Host\tPath\tBackends",
    "  ----\t----\t--------",
    ...rules,
    ...annotationLines(metadata.annotations),
  ];
}

async function backendText(
  { service, resource }: IngressBackend,
  namespace: string | undefined,
  api: KubeApi,
): Promise<string> {
  if (service === undefined)
    return `APIGroup: ${resource?.apiGroup ?? ""}, Kind: ${resource?.kind}, Name: ${resource?.name}`;
  const port = service.port?.name || String(service.port?.number ?? "");
  try {
    const found = await api.get<Service>(`/api/v1/namespaces/${namespace}/services/${service.name}`);
    const named = found.spec?.ports?.find((one) => one.name === port || one.port === Number(port));
    return `${service.name}:${port} (${endpointsText(await slicesOf(api, namespace, service.name), named?.name ?? "")})`;
  } catch (error) {
    if (!(error instanceof KubeApiError)) throw error;
    return `${service.name}:${port} (<error: ${error.status.message}>)`;
  }
}

/** Addresses and ports by subsets. */
export function endpointsLines({ metadata = {}, subsets = [] }: Endpoints): string[] {
  const list = (addresses: { ip: string }[] | undefined) => (addresses ?? []).map(({ ip }) => ip).join(",") || "<none>";
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    "Subsets:",
    ...subsets.flatMap(({ addresses, notReadyAddresses, ports = [] }) => [
      `  Addresses:\t${list(addresses)}`,
      `  NotReadyAddresses:\t${list(notReadyAddresses)}`,
      ...(ports.length === 0
        ? []
        : [
            "  Ports:",
            "    Name\tPort\tProtocol",
            "    ----\t----\t--------",
            ...ports.map(({ name, port, protocol }) => `    ${name || "<unset>"}\t${port}\t${protocol ?? "TCP"}`),
          ]),
      "",
    ]),
  ];
}

/** Ports, and each endpoint with its conditions. */
export function endpointSliceLines({ metadata = {}, addressType, ports, endpoints }: EndpointSlice): string[] {
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `AddressType:\t${addressType}`,
    ...((ports ?? []).length === 0
      ? ["Ports: <unset>"]
      : [
          "Ports:",
          "  Name\tPort\tProtocol",
          "  ----\t----\t--------",
          ...ports!.map(
            ({ name, port, protocol }) => `  ${name || "<unset>"}\t${port ?? "<unset>"}\t${protocol ?? "TCP"}`,
          ),
        ]),
    ...((endpoints ?? []).length === 0 ? ["Endpoints: <none>"] : ["Endpoints:"]),
    ...(endpoints ?? []).flatMap(({ addresses, conditions, hostname, targetRef, nodeName, zone }) => [
      `  - Addresses:\t${addresses.join(", ")}`,
      "    Conditions:",
      `      Ready:\t${conditions?.ready ?? "<unset>"}`,
      `    Hostname:\t${hostname ?? "<unset>"}`,
      ...(targetRef === undefined ? [] : [`    TargetRef:\t${targetRef.kind}/${targetRef.name}`]),
      `    NodeName:\t${nodeName ?? "<unset>"}`,
      `    Zone:\t${zone ?? "<unset>"}`,
    ]),
  ];
}

/** How many pods may be away, and how many are. */
export function budgetLines({ metadata = {}, spec, status }: PodDisruptionBudget): string[] {
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...(spec?.minAvailable !== undefined
      ? [`Min available:\t${spec.minAvailable}`]
      : spec?.maxUnavailable !== undefined
        ? [`Max unavailable:\t${spec.maxUnavailable}`]
        : []),
    `Selector:\t${selectorOf(spec?.selector)}`,
    "Status:",
    `    Allowed disruptions:\t${status?.disruptionsAllowed ?? 0}`,
    `    Current:\t${status?.currentHealthy ?? 0}`,
    `    Desired:\t${status?.desiredHealthy ?? 0}`,
    `    Total:\t${status?.expectedPods ?? 0}`,
  ];
}

/** What an autoscaler watches, and how far that is from its goal. */
export function autoscalerLines({ metadata = {}, spec, status }: HorizontalPodAutoscaler): string[] {
  const target = spec?.scaleTargetRef;
  const conditions = (status?.conditions ?? []).map(
    (one) => `  ${one.type}\t${one.status}\t${one.reason ?? ""}\t${one.message ?? ""}`,
  );
  return [
    `Name:\t${metadata.name}`,
    `Namespace:\t${metadata.namespace}`,
    ...labelLines(metadata),
    ...annotationLines(metadata.annotations),
    `CreationTimestamp:\t${timeText(metadata.creationTimestamp)}`,
    `Reference:\t${target?.kind}/${target?.name}`,
    "Metrics:\t( current / target )",
    ...(spec?.metrics ?? []).map((metric, at) => metricLine(metric, status?.currentMetrics?.[at])),
    `Min replicas:\t${spec?.minReplicas ?? "<unset>"}`,
    `Max replicas:\t${spec?.maxReplicas ?? 0}`,
    `${target?.kind} pods:\t${status?.currentReplicas ?? 0} current / ${status?.desiredReplicas ?? 0} desired`,
    ...(conditions.length === 0
      ? []
      : ["Conditions:", "  Type\tStatus\tReason\tMessage", "  ----\t------\t------\t-------", ...conditions]),
  ];
}

function metricLine(metric: MetricSpec, status: MetricStatus | undefined): string {
  const part = metric.resource ?? metric.containerResource;
  const present = status?.resource?.current ?? status?.containerResource?.current;
  if (part !== undefined) {
    const where = metric.containerResource === undefined ? "" : ` of container "${metric.containerResource.container}"`;
    if (part.target.averageUtilization !== undefined) {
      const current =
        present?.averageUtilization === undefined
          ? "<unknown>"
          : `${present.averageUtilization}% (${present.averageValue})`;
      return `  resource ${part.name}${where} on pods  (as a percentage of request):\t${current} / ${part.target.averageUtilization}%`;
    }
    return `  resource ${part.name}${where} on pods:\t${present?.averageValue ?? "<unknown>"} / ${part.target.averageValue}`;
  }
  const named = metric.pods ?? metric.external ?? metric.object;
  const seen = status?.pods?.current ?? status?.external?.current ?? status?.object?.current;
  const wanted = named?.target.averageValue ?? named?.target.value ?? "";
  const what = metric.pods !== undefined ? `"${metric.pods.metric.name}" on pods` : `"${named?.metric.name}"`;
  return `  ${what}:\t${seen?.averageValue ?? seen?.value ?? "<unknown>"} / ${wanted}`;
}
