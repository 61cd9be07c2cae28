/** A container's variables: services, envFrom, env, in the order in which later ones win. */

import type { Container, EnvVar, Pod, Service } from "../../model/kubernetes/core.ts";
import { CONFIG_MAPS, SECRETS, SERVICES } from "../../model/kubernetes/names.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import type { ClusterClient } from "../contract.ts";
import { ConfigError } from "./config-error.ts";
import { fieldValue, type PodFacts, resourceValue } from "./downward-values.ts";
import { expandVariables } from "./variable-expansion.ts";

/** @throws {ConfigError} for a config map, secret or key that is not there and not optional */
export function containerEnvironment(
  client: ClusterClient,
  pod: Stored<Pod>,
  container: Container,
  facts: PodFacts,
): Map<string, string> {
  const variables = serviceVariables(client, pod);
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const values = configMapRef
      ? configMapValues(client, pod, configMapRef)
      : secretRef
        ? secretValues(client, pod, secretRef)
        : {};
    for (const [key, value] of Object.entries(values)) variables.set(`${prefix}${key}`, value);
  }
  for (const variable of container.env ?? []) {
    const value = variableValue(client, pod, container, variable, { facts, known: variables });
    if (value !== undefined) variables.set(variable.name, value);
  }
  return variables;
}

function variableValue(
  client: ClusterClient,
  pod: Stored<Pod>,
  container: Container,
  { name, value, valueFrom }: EnvVar,
  { facts, known }: { facts: PodFacts; known: ReadonlyMap<string, string> },
): string | undefined {
  if (valueFrom === undefined) return expandVariables(value ?? "", known);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef) {
    const found = fieldValue(pod, fieldRef.fieldPath, facts);
    if (found === undefined) throw new ConfigError(`unsupported fieldPath: ${fieldRef.fieldPath}`);
    return found;
  }
  if (resourceFieldRef) {
    const target = resourceFieldRef.containerName;
    const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
    const owner = target ? all.find((one) => one.name === target) : container;
    const found = owner && resourceValue(owner, resourceFieldRef);
    if (found === undefined) throw new ConfigError(`unsupported resource: ${resourceFieldRef.resource}`);
    return found;
  }
  if (configMapKeyRef) {
    const values = configMapValues(client, pod, configMapKeyRef);
    return keyOf(values, configMapKeyRef, `ConfigMap ${pod.metadata.namespace}/${configMapKeyRef.name}`);
  }
  if (secretKeyRef) {
    const values = secretValues(client, pod, secretKeyRef);
    return keyOf(values, secretKeyRef, `Secret ${pod.metadata.namespace}/${secretKeyRef.name}`);
  }
  throw new ConfigError(`the variable ${name} takes its value from a source that this node does not have`);
}

function keyOf(
  values: Readonly<Record<string, string>>,
  { key, optional }: { key: string; optional?: boolean },
  where: string,
): string | undefined {
  const value = values[key];
  if (value === undefined && optional !== true) throw new ConfigError(`couldn't find key ${key} in ${where}`);
  return value;
}

interface Reference {
  name?: string;
  optional?: boolean;
}

function configMapValues(client: ClusterClient, pod: Stored<Pod>, { name = "", optional }: Reference) {
  const found = client.informer(CONFIG_MAPS).get(pod.metadata.namespace, name);
  if (found !== undefined) return found.data ?? {};
  if (optional) return {};
  throw new ConfigError(`configmap "${name}" not found`);
}

function secretValues(client: ClusterClient, pod: Stored<Pod>, { name = "", optional }: Reference) {
  const found = client.informer(SECRETS).get(pod.metadata.namespace, name);
  if (found === undefined) {
    if (optional) return {};
    throw new ConfigError(`secret "${name}" not found`);
  }
  const entries = Object.entries(found.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
}

/** WEB_SERVICE_HOST and the like for the services of the namespace, and always for the API's own. */
function serviceVariables(client: ClusterClient, pod: Stored<Pod>): Map<string, string> {
  const informer = client.informer(SERVICES);
  const variables = new Map<string, string>();
  const api = informer.get("default", "kubernetes");
  if (api !== undefined) addService(variables, api);
  if (pod.spec?.enableServiceLinks === false) return variables;
  for (const service of informer.list(pod.metadata.namespace)) addService(variables, service);
  return variables;
}

function addService(variables: Map<string, string>, { metadata, spec }: Stored<Service>): void {
  const { clusterIP, ports = [] } = spec ?? {};
  const [first] = ports;
  if (!clusterIP || clusterIP === "None" || first === undefined) return;
  const name = metadata.name.toUpperCase().replaceAll("-", "_");
  const host = clusterIP.includes(":") ? `[${clusterIP}]` : clusterIP;
  variables.set(`${name}_SERVICE_HOST`, clusterIP);
  variables.set(`${name}_SERVICE_PORT`, String(first.port));
  for (const { name: portName, port } of ports) {
    if (portName) variables.set(`${name}_SERVICE_PORT_${portName.toUpperCase().replaceAll("-", "_")}`, String(port));
  }
  // As the links of early Docker had them.
  const lower = (protocol = "TCP") => protocol.toLowerCase();
  variables.set(`${name}_PORT`, `${lower(first.protocol)}://${host}:${first.port}`);
  for (const { port, protocol } of ports) {
    const prefix = `${name}_PORT_${port}_${(protocol ?? "TCP").toUpperCase()}`;
    variables.set(prefix, `${lower(protocol)}://${host}:${port}`);
    variables.set(`${prefix}_PROTO`, lower(protocol));
    variables.set(`${prefix}_PORT`, String(port));
    variables.set(`${prefix}_ADDR`, clusterIP);
  }
}
