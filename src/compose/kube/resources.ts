/** Networks, volumes, secrets and configs of a project as Kubernetes objects. */

import { NaruError } from "../../lib/errors.ts";
import type { ConfigMap, PersistentVolumeClaim, Secret } from "../../model/kubernetes/core.ts";
import type { NetworkPolicy } from "../../model/kubernetes/networking.ts";
import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { FileModel } from "../service-model.ts";
import type { Conversion, FileContents } from "./kube-project.ts";
import { kubeName, networkLabel, projectLabels, serviceSelector } from "./names.ts";
import { servicePorts } from "./pod-spec.ts";
import { fileKey } from "./pod-volumes.ts";

/** What a claim asks for when the project does not say: `driver_opts.size` does. */
const DEFAULT_SIZE = "1Gi";

export function volumeClaims({ project, remark }: Conversion): PersistentVolumeClaim[] {
  return Object.entries(project.volumes).flatMap(([key, volume]) => {
    if (volume.external) return [];
    const users = Object.values(project.services).filter(({ volumes }) =>
      volumes?.some(({ type, source }) => type === "volume" && source === key),
    );
    const isShared = users.length > 1 || users.some(({ scale, deploy }) => (scale ?? deploy?.replicas ?? 1) > 1);
    if (isShared)
      remark(`volume ${key}`, "is mounted by several pods: on more than one node that needs access mode ReadWriteMany");
    if (volume.driver && volume.driver !== "local")
      remark(`volume ${key}`, `driver ${volume.driver}: choose a storageClassName`);
    const storage = volume.driver_opts?.size ?? DEFAULT_SIZE;
    return [
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: kubeName(volume.name), labels: projectLabels(project.name) },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage } } },
      },
    ];
  });
}

/** @throws {NaruError} not-found for a file that is not there */
export async function fileObjects({ project }: Conversion, files: FileContents): Promise<KubeObject[]> {
  const objects: KubeObject[] = [];
  for (const kind of ["configs", "secrets"] as const) {
    for (const [key, model] of Object.entries(project[kind])) {
      if (model.external) continue;
      const bytes = await contentOf(key, model, project.variables, files);
      const metadata = { name: kubeName(model.name ?? key), labels: projectLabels(project.name) };
      objects.push(
        kind === "secrets" ? secret(metadata, fileKey(key), bytes) : configMap(metadata, fileKey(key), bytes),
      );
    }
  }
  return objects;
}

async function contentOf(
  key: string,
  { file, environment, content }: FileModel,
  variables: ReadonlyMap<string, string>,
  files: FileContents,
): Promise<Uint8Array> {
  const encode = (text: string) => new TextEncoder().encode(text);
  if (content !== undefined) return encode(content);
  if (environment !== undefined) {
    const value = variables.get(environment);
    if (value !== undefined) return encode(value);
    throw new NaruError("not-found", `${key}: environment variable ${JSON.stringify(environment)} is not set`);
  }
  const bytes = file === undefined ? undefined : await files.read(file);
  if (bytes === undefined) throw new NaruError("not-found", `${key}: cannot read ${file}: no such file`);
  return bytes;
}

type Metadata = ConfigMap["metadata"];

function secret(metadata: Metadata, key: string, bytes: Uint8Array): Secret {
  return { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", data: { [key]: bytes.toBase64() } };
}

/** Text stays readable. */
function configMap(metadata: Metadata, key: string, bytes: Uint8Array): ConfigMap {
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata };
  try {
    return { ...map, data: { [key]: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) } };
  } catch {
    return { ...map, binaryData: { [key]: bytes.toBase64() } };
  }
}

/**
 * Networks keep services apart only where there are several: each becomes a rule that its members reach each other. Published
 * ports stay open to all.
 */
export function networkPolicies({ project, remark }: Conversion): NetworkPolicy[] {
  const networks = Object.entries(project.networks).filter(([, { external }]) => !external);
  for (const [key, { internal }] of networks) {
    if (internal) remark(`network ${key}`, "is internal: add a rule for Egress where pods must not reach the world");
  }
  if (networks.length < 2) return [];
  const labels = projectLabels(project.name);
  const policies: NetworkPolicy[] = networks.map(([key]) => {
    const members = { matchLabels: { [networkLabel(key)]: "true" } };
    return {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: kubeName(`network-${key}`), labels },
      spec: { podSelector: members, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: members }] }] },
    };
  });
  for (const [name, model] of Object.entries(project.services)) {
    const targets = new Set((model.ports ?? []).map(({ target }) => target));
    const ports = servicePorts(model).filter(({ target }) => targets.has(target));
    if (ports.length === 0) continue;
    policies.push({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: kubeName(`${name}-published`), labels },
      spec: {
        podSelector: { matchLabels: serviceSelector(project.name, name) },
        policyTypes: ["Ingress"],
        ingress: [{ ports: ports.map(({ target, protocol }) => ({ port: target, protocol: protocol.toUpperCase() })) }],
      },
    });
  }
  return policies;
}
