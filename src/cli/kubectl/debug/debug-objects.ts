/** What `debug` makes: a container, a copy of a pod, a pod on a node. */

import { randomInt } from "node:crypto";
import { CliError } from "../../cli-error.ts";
import type { KubeManifestObject } from "../manifest-files.ts";
import { PROFILES, podOfProfile, withProfile } from "./profiles.ts";

export interface DebugContainer {
  readonly name: string;
  image?: string;
  readonly volumeMounts?: readonly object[];
  readonly [field: string]: unknown;
}
export interface DebugPodSpec {
  containers: DebugContainer[];
  initContainers?: DebugContainer[];
  ephemeralContainers?: DebugContainer[];
  readonly [field: string]: unknown;
}
export interface DebugPod extends KubeManifestObject {
  metadata: NonNullable<KubeManifestObject["metadata"]>;
  spec: DebugPodSpec;
}

export interface DebugFlags {
  readonly "arguments-only": boolean;
  readonly container: string;
  readonly "copy-to": string;
  readonly env: readonly string[];
  readonly image: string;
  readonly "image-pull-policy": string;
  readonly "keep-annotations": boolean;
  readonly "keep-init-containers": boolean;
  readonly "keep-labels": boolean;
  readonly "keep-liveness": boolean;
  readonly "keep-readiness": boolean;
  readonly "keep-startup": boolean;
  readonly profile: string;
  readonly "same-node": boolean;
  readonly "set-image": readonly string[];
  readonly "share-processes": boolean;
  readonly stdin: boolean;
  readonly target: string;
  readonly tty: boolean;
}

/** Parts of a container that are laid over the one of the flags (--custom). */
export type CustomContainer = Readonly<Record<string, unknown>>;

const LETTERS = "bcdfghjklmnpqrstvwxz2456789";
/** Letters and digits that make no words. */
export const randomSuffix = (): string => Array.from({ length: 5 }, () => LETTERS[randomInt(LETTERS.length)]!).join("");

/** The container that the flags describe. */
function containerOf(name: string, words: readonly string[], flags: DebugFlags): DebugContainer {
  const program = words.length === 0 ? {} : { [flags["arguments-only"] ? "args" : "command"]: [...words] };
  const env = flags.env.map((pair) => ({
    name: pair.slice(0, pair.indexOf("=")),
    value: pair.slice(pair.indexOf("=") + 1),
  }));
  return {
    name,
    image: flags.image,
    ...program,
    ...(env.length === 0 ? {} : { env }),
    ...(flags["image-pull-policy"] === "" ? {} : { imagePullPolicy: flags["image-pull-policy"] }),
    ...(flags.stdin ? { stdin: true } : {}),
    ...(flags.tty ? { tty: true } : {}),
    terminationMessagePolicy: "File",
  };
}

/** Objects are merged, lists are put together (of two variables of one name the custom one counts), all else is replaced. */
function withCustom(container: DebugContainer, custom: CustomContainer): DebugContainer {
  return merged(container, custom) as DebugContainer;
}

function merged(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other)) {
    const names = new Set(other.map((element) => (element as { name?: string })?.name).filter(Boolean));
    return [...other, ...one.filter((element) => !names.has((element as { name?: string })?.name))];
  }
  const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(one) || !isObject(other)) return other;
  const members = Object.entries(other as object).map(([key, value]) => [
    key,
    merged((one as Record<string, unknown>)[key], value),
  ]);
  return { ...(one as object), ...Object.fromEntries(members) };
}

/** The container that goes into a running pod. @param custom what --custom lays over it */
export function ephemeralContainer(
  name: string,
  words: readonly string[],
  flags: DebugFlags,
  custom: CustomContainer,
): DebugContainer {
  const container = withProfile(containerOf(name, words, flags), flags.profile, "ephemeral");
  return withCustom({ ...container, ...(flags.target === "" ? {} : { targetContainerName: flags.target }) }, custom);
}

/**
 * A copy of a pod, with a container changed or added.
 * @param container its name; one that the pod has is changed
 * @param sharing --share-processes, when it was given
 */
export function copyOfPod(
  pod: DebugPod,
  container: string,
  words: readonly string[],
  flags: DebugFlags,
  custom: CustomContainer,
  sharing: boolean | undefined,
): DebugPod {
  const { ephemeralContainers: _left, nodeName, ...spec } = structuredClone(pod.spec);
  const isLegacy = flags.profile === "legacy";
  const labels = flags["keep-labels"] ? pod.metadata.labels : undefined;
  const annotations = flags["keep-annotations"] || isLegacy ? pod.metadata.annotations : undefined;
  const images = imagesOf(flags["set-image"]);
  const containers = spec.containers.map((one) => withoutProbes(withImage(one, images), flags, isLegacy));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: flags["copy-to"],
      namespace: pod.metadata.namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...spec,
      ...podOfProfile(flags.profile, "copy"),
      ...(sharing === undefined ? {} : { shareProcessNamespace: sharing }),
      ...(flags["same-node"] ? { nodeName } : {}),
      ...(flags["keep-init-containers"] ? {} : { initContainers: [] }),
      containers: changedContainers(containers, container, words, flags, custom),
    },
  };
}

function changedContainers(
  containers: DebugContainer[],
  name: string,
  words: readonly string[],
  flags: DebugFlags,
  custom: CustomContainer,
): DebugContainer[] {
  if (name === "") return containers;
  if (!containers.some((one) => one.name === name)) {
    return [...containers, withCustom(withProfile(containerOf(name, words, flags), flags.profile, "copy"), custom)];
  }
  return containers.map((one) => {
    if (one.name !== name) return one;
    const { image, terminationMessagePolicy: _policy, ...changes } = containerOf(name, words, flags);
    const { command: _command, args: _args, ...rest } = one;
    const own = words.length > 0 && !flags["arguments-only"] ? (rest as DebugContainer) : one;
    return withCustom(withProfile({ ...own, ...changes, ...(image ? { image } : {}) }, flags.profile, "copy"), custom);
  });
}

/** "name=image,other=image" of --set-image. */
export function imagesOf(pairs: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    pairs.map((pair) => {
      const [name = "", image = "", ...more] = pair.split("=");
      if (name === "" || image === "" || more.length > 0)
        throw new CliError(`error: invalid value: ${pair}. --set-image wants name=image`);
      return [name, image] as const;
    }),
  );
}

function withImage(container: DebugContainer, images: ReadonlyMap<string, string>): DebugContainer {
  const image = images.get(container.name) ?? images.get("*");
  return image === undefined ? container : { ...container, image };
}

function withoutProbes(container: DebugContainer, flags: DebugFlags, keepsAll: boolean): DebugContainer {
  const { livenessProbe, readinessProbe, startupProbe, ...rest } = container;
  return {
    ...rest,
    ...(livenessProbe && (keepsAll || flags["keep-liveness"]) ? { livenessProbe } : {}),
    ...(readinessProbe && (keepsAll || flags["keep-readiness"]) ? { readinessProbe } : {}),
    ...(startupProbe && (keepsAll || flags["keep-startup"]) ? { startupProbe } : {}),
  } as DebugContainer;
}

/** A pod in the namespaces of a node, as far as the profile goes. */
export function podOnNode(
  node: string,
  namespace: string,
  words: readonly string[],
  flags: DebugFlags,
  custom: CustomContainer,
): DebugPod {
  const name = flags.container || "debugger";
  const container = withProfile(containerOf(name, words, flags), flags.profile, "node");
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: flags["copy-to"] || `node-debugger-${node}-${randomSuffix()}`,
      namespace,
      labels: { "app.kubernetes.io/managed-by": "kubectl-debug" },
    },
    spec: {
      ...podOfProfile(flags.profile, "node"),
      containers: [withCustom(container, custom)],
      nodeName: node,
      restartPolicy: "Never",
      tolerations: [{ operator: "Exists" }],
    },
  };
}

/** @throws CliError `unknown profile: x` */
export function checkProfile(name: string): void {
  if (!Object.hasOwn(PROFILES, name)) throw new CliError(`error: unknown profile: ${name}`);
}
