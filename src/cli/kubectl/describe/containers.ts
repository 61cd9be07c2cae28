/** Containers of a pod or of a pod template. */

import type { Container, ContainerState, ContainerStatus, EnvVar, Pod, Probe } from "../../../model/kubernetes/core.ts";
import { wholeValue } from "../../../model/kubernetes/quantity.ts";
import { metadataField } from "../metadata-field.ts";
import { timeText, yesNo } from "./describer.ts";

/** @param pod the pod itself; undefined for templates, which stand one step further in */
export function containersLines(
  title: string,
  containers: readonly Container[] | undefined,
  statuses: readonly ContainerStatus[],
  pod?: Pod,
): string[] {
  const indent = pod === undefined ? "  " : "";
  if (containers === undefined || containers.length === 0) return [];
  return [
    `${indent}${title}:`,
    ...containers.flatMap((container) => [
      `${pod === undefined ? "   " : "  "}${container.name}:`,
      ...containerLines(
        container,
        statuses.find(({ name }) => name === container.name),
        pod,
      ),
    ]),
  ];
}

function containerLines(container: Container, status: ContainerStatus | undefined, pod: Pod | undefined): string[] {
  const { ports = [], command = [], args = [] } = container;
  const name = (port: { name?: string }) => (port.name ? ` (${port.name})` : "");
  const own = ports.map((port) => `${port.containerPort}/${port.protocol ?? "TCP"}${name(port)}`);
  const host = ports.map((port) => `${port.hostPort ?? 0}/${port.protocol ?? "TCP"}${name(port)}`);
  const words = (title: string, list: readonly string[]) =>
    list.length === 0
      ? []
      : [`    ${title}:`, ...list.flatMap((word) => word.split("\n").map((line) => `      ${line}`))];
  return [
    ...(status === undefined ? [] : [`    Container ID:\t${status.containerID ?? ""}`]),
    `    Image:\t${container.image ?? ""}`,
    ...(status === undefined ? [] : [`    Image ID:\t${status.imageID ?? ""}`]),
    `    ${own.length > 1 ? "Ports" : "Port"}:\t${own.join(", ") || "<none>"}`,
    `    ${host.length > 1 ? "Host Ports" : "Host Port"}:\t${host.join(", ") || "<none>"}`,
    ...(container.securityContext?.seccompProfile === undefined
      ? []
      : [`    SeccompProfile:\t${container.securityContext.seccompProfile.type}`]),
    ...words("Command", command),
    ...words("Args", args),
    ...(status === undefined ? [] : statusLines(status)),
    ...amounts("Limits", container.resources?.limits),
    ...amounts("Requests", container.resources?.requests),
    ...probeLine("Liveness", container.livenessProbe),
    ...probeLine("Readiness", container.readinessProbe),
    ...probeLine("Startup", container.startupProbe),
    ...envFromLines(container),
    ...envLines(container, pod),
    ...mountLines(container),
  ];
}

function statusLines(status: ContainerStatus): string[] {
  return [
    ...stateLines("State", status.state),
    ...(status.lastState?.terminated === undefined ? [] : stateLines("Last State", status.lastState)),
    `    Ready:\t${yesNo(status.ready)}`,
    `    Restart Count:\t${status.restartCount}`,
  ];
}

function stateLines(title: string, state: ContainerState | undefined): string[] {
  const { running, waiting, terminated } = state ?? {};
  if (running !== undefined) return [`    ${title}:\tRunning`, `      Started:\t${timeText(running.startedAt)}`];
  if (terminated === undefined) {
    return [`    ${title}:\tWaiting`, ...(waiting?.reason ? [`      Reason:\t${waiting.reason}`] : [])];
  }
  return [
    `    ${title}:\tTerminated`,
    ...(terminated.reason ? [`      Reason:\t${terminated.reason}`] : []),
    ...(terminated.message ? [`      Message:\t${terminated.message}`] : []),
    `      Exit Code:\t${terminated.exitCode}`,
    ...((terminated.signal ?? 0) > 0 ? [`      Signal:\t${terminated.signal}`] : []),
    `      Started:\t${timeText(terminated.startedAt)}`,
    `      Finished:\t${timeText(terminated.finishedAt)}`,
  ];
}

function amounts(title: string, values: Readonly<Record<string, string>> = {}): string[] {
  const names = Object.keys(values).sort();
  return names.length === 0 ? [] : [`    ${title}:`, ...names.map((name) => `      ${name}:\t${values[name]}`)];
}

function probeLine(title: string, probe: Probe | undefined): string[] {
  if (probe === undefined) return [];
  const { initialDelaySeconds = 0, timeoutSeconds = 1, periodSeconds = 10 } = probe;
  const times = `delay=${initialDelaySeconds}s timeout=${timeoutSeconds}s period=${periodSeconds}s`;
  return [
    `    ${title}:\t${probed(probe)} ${times} #success=${probe.successThreshold ?? 1} #failure=${probe.failureThreshold ?? 3}`,
  ];
}

function probed({ exec, httpGet, tcpSocket, grpc }: Probe): string {
  if (exec !== undefined) return `exec [${(exec.command ?? []).join(" ")}]`;
  if (httpGet !== undefined) {
    const path = (httpGet.path ?? "").replace(/^(?!\/)/, "/");
    return `http-get ${(httpGet.scheme ?? "HTTP").toLowerCase()}://${httpGet.host ?? ""}:${httpGet.port}${path}`;
  }
  if (tcpSocket !== undefined) return `tcp-socket ${tcpSocket.host ?? ""}:${tcpSocket.port}`;
  return grpc === undefined ? "unknown" : `grpc <pod>:${grpc.port} ${grpc.service ?? ""}`;
}

function envFromLines({ envFrom = [] }: Container): string[] {
  if (envFrom.length === 0) return [];
  const rows = envFrom.map(({ configMapRef, secretRef, prefix }) => {
    const from = configMapRef === undefined ? "Secret" : "ConfigMap";
    const optional = (configMapRef ?? secretRef)?.optional === true;
    const start = prefix ? ` with prefix '${prefix}'` : "";
    return `      ${(configMapRef ?? secretRef)?.name ?? ""}\t${from}${start}\tOptional: ${optional}`;
  });
  return ["    Environment Variables from:", ...rows];
}

function envLines({ env = [], ...container }: Container, pod: Pod | undefined): string[] {
  if (env.length === 0) return ["    Environment:\t<none>"];
  return ["    Environment:", ...env.flatMap((one) => envLine(one, container, pod))];
}

function envLine(
  { name, value = "", valueFrom }: EnvVar,
  container: Omit<Container, "env">,
  pod: Pod | undefined,
): string[] {
  if (valueFrom === undefined)
    return value.split("\n").map((line, at) => `      ${at === 0 ? `${name}:` : ""}\t${line}`);
  const { fieldRef, resourceFieldRef, secretKeyRef, configMapKeyRef } = valueFrom;
  if (fieldRef !== undefined) {
    const known = pod === undefined ? "" : (metadataField(pod.metadata, fieldRef.fieldPath) ?? "");
    return [`      ${name}:\t${known} (${fieldRef.apiVersion ?? "v1"}:${fieldRef.fieldPath})`];
  }
  if (resourceFieldRef !== undefined) {
    return [`      ${name}:\t${resourceValue(container, resourceFieldRef.resource)} (${resourceFieldRef.resource})`];
  }
  if (secretKeyRef !== undefined) {
    const { key, name: from = "", optional = false } = secretKeyRef;
    return [`      ${name}:\t<set to the key '${key}' in secret '${from}'>\tOptional: ${optional}`];
  }
  if (configMapKeyRef === undefined) return [`      ${name}:\t`];
  const { key, name: from = "", optional = false } = configMapKeyRef;
  return [`      ${name}:\t<set to the key '${key}' of config map '${from}'>\tOptional: ${optional}`];
}

/** What the container's environment will say: whole cores and bytes, rounded up. */
function resourceValue({ resources }: Omit<Container, "env">, resource: string): string {
  const [part = "", ...rest] = resource.split(".");
  return String(wholeValue(resources?.[part as "limits"]?.[rest.join(".")]));
}

function mountLines({ volumeMounts = [], volumeDevices = [] }: Container): string[] {
  const mounts = [...volumeMounts]
    .sort((one, other) => (one.mountPath < other.mountPath ? -1 : 1))
    .map(({ name, mountPath, readOnly, subPath }) => {
      const flags = [readOnly ? "ro" : "rw", ...(subPath ? [`path=${JSON.stringify(subPath)}`] : [])];
      return `      ${mountPath} from ${name} (${flags.join(",")})`;
    });
  const devices = volumeDevices.map(({ name, devicePath }) => `      ${devicePath} from ${name}`);
  return [
    ...(mounts.length === 0 ? ["    Mounts:\t<none>"] : ["    Mounts:", ...mounts]),
    ...(devices.length === 0 ? [] : ["    Devices:", ...devices]),
  ];
}
