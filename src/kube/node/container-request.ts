/** One container of a pod as a request to the engine. */

import type { ContainerCreateRequest, Mount } from "../../model/container.ts";
import type { Container, Pod, VolumeMount } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { ConfigError } from "./config-error.ts";
import { containerEnvironment } from "./container-environment.ts";
import type { PodFacts } from "./downward-values.ts";
import { type NodeContext, podRunDirectory } from "./node-context.ts";
import { type PodLabels, printLabels } from "./pod-labels.ts";
import { containerLimits, oomScore, withinPod } from "./resource-settings.ts";
import { securitySettings } from "./security-settings.ts";
import { expandVariables } from "./variable-expansion.ts";
import type { PodVolumes } from "./volumes/pod-volumes.ts";

const PROPAGATION: Readonly<Record<string, string>> = { HostToContainer: "rslave", Bidirectional: "rshared" };
/** Where each container of a pod finds the pod's own files. */
const POD_FILES = { "/etc/hosts": "hosts", "/etc/hostname": "hostname", "/etc/resolv.conf": "resolv.conf" };

interface RequestParts {
  pod: Stored<Pod>;
  container: Container;
  labels: PodLabels;
  facts: PodFacts;
  volumes: PodVolumes;
  /** The user of the image's configuration. */
  imageUser: string;
  hostname: string;
  /** File behind terminationMessagePath. */
  messageFile: string;
}

/** @throws {ConfigError} when something that it names is not there */
export async function containerRequest(context: NodeContext, parts: RequestParts): Promise<ContainerCreateRequest> {
  const { pod, container, labels, facts, imageUser } = parts;
  const variables = containerEnvironment(context.client, pod, container, facts);
  const expand = (text: string) => expandVariables(text, variables);
  const [security, mounts] = await Promise.all([
    securitySettings(pod, container, imageUser, `${context.dataRoot}/seccomp`),
    containerMounts(context, parts, variables),
  ]);
  const spec = pod.spec ?? { containers: [] };
  const score = oomScore(pod, container, context.memoryBytes);
  return {
    Image: container.image ?? "",
    Hostname: spec.hostNetwork ? "" : parts.hostname,
    User: security.user,
    ...(container.command ? { Entrypoint: container.command.map(expand) } : {}),
    ...(container.args ? { Cmd: container.args.map(expand) } : {}),
    Env: [...variables].map(([name, value]) => `${name}=${value}`),
    WorkingDir: container.workingDir ?? "",
    Tty: container.tty ?? false,
    OpenStdin: container.stdin ?? false,
    StdinOnce: container.stdinOnce ?? false,
    // Probes take the place of the image's health check.
    Healthcheck: { Test: ["NONE"] },
    Labels: printLabels(labels),
    ...(container.lifecycle?.stopSignal ? { StopSignal: container.lifecycle.stopSignal } : {}),
    HostConfig: {
      ...security.host,
      ...containerLimits(withinPod(container.resources, spec.resources)),
      NetworkMode: spec.hostNetwork ? "host" : `pod:${labels.podUid}`,
      IpcMode: spec.hostIPC ? "host" : "private",
      PidMode: spec.hostPID ? "host" : "",
      UTSMode: spec.hostNetwork ? "host" : "",
      CgroupnsMode: security.host.Privileged ? "host" : "private",
      OomScoreAdj: context.canLowerOomScore ? score : Math.max(0, score),
      RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
      Mounts: mounts,
      Init: false,
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "5" } },
    },
  };
}

async function containerMounts(
  context: NodeContext,
  { pod, container, volumes, messageFile }: RequestParts,
  variables: ReadonlyMap<string, string>,
): Promise<Mount[]> {
  const own = container.volumeMounts ?? [];
  const mounts = await Promise.all(own.map((mount) => volumeMount(volumes, container, mount, variables)));
  const taken = new Set(mounts.map(({ Target }) => Target));
  const directory = podRunDirectory(context, pod.metadata.uid);
  const message = container.terminationMessagePath ?? "/dev/termination-log";
  const files = Object.entries(POD_FILES).map(([target, name]) => [target, `${directory}/${name}`] as const);
  for (const [Target, Source] of [...files, [message, messageFile] as const]) {
    if (!taken.has(Target)) mounts.push({ Type: "bind", Source, Target });
  }
  return mounts;
}

async function volumeMount(
  volumes: PodVolumes,
  { name: containerName }: Container,
  { name, mountPath, readOnly, subPath, subPathExpr, mountPropagation, recursiveReadOnly }: VolumeMount,
  variables: ReadonlyMap<string, string>,
): Promise<Mount> {
  const volume = volumes.find(name);
  if (volume === undefined) throw new ConfigError(`volume ${name} of container ${containerName} is not there`);
  const path = subPathExpr ? expandPath(subPathExpr, variables) : subPath;
  if (volume.kind === "image") {
    const ImageOptions = path ? { ImageOptions: { Subpath: path } } : {};
    return { Type: "image", Source: volume.reference, Target: mountPath, ...ImageOptions };
  }
  const Source = path ? await volumes.subPath(name, path) : volume.path;
  const isReadOnly = readOnly === true || volume.readOnly;
  const wantsRecursive = recursiveReadOnly === "Enabled" || recursiveReadOnly === "IfPossible";
  return {
    Type: "bind",
    Source,
    Target: mountPath,
    ReadOnly: isReadOnly,
    BindOptions: {
      Propagation: PROPAGATION[mountPropagation ?? ""] ?? "rprivate",
      ...(isReadOnly && !wantsRecursive ? { ReadOnlyNonRecursive: true } : {}),
    },
  };
}

/** Unlike elsewhere, every variable has to be there. */
function expandPath(text: string, variables: ReadonlyMap<string, string>): string {
  const missing = [...text.matchAll(/\$\(([^()]*)\)/g)].find(([, name = ""]) => !variables.has(name));
  if (missing !== undefined) throw new ConfigError(`subPathExpr names the variable ${missing[1]}, which is not there`);
  const path = expandVariables(text, variables);
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw new ConfigError(`subPathExpr leads to ${path}, which is not below the volume`);
  }
  return path;
}
