/** A pod's volumes on this machine: prepared before its containers, renewed while they run, removed after them. */

import { lstat, mkdir, readdir, realpath, rm } from "node:fs/promises";
import { errorText } from "../../../lib/errors.ts";
import { unmount } from "../../../linux/mount.ts";
import type { Pod, Volume } from "../../../model/kubernetes/core.ts";
import type { Stored } from "../../../model/kubernetes/object.ts";
import { ConfigError } from "../config-error.ts";
import type { PodFacts } from "../downward-values.ts";
import { type NodeContext, podDirectory, podRunDirectory } from "../node-context.ts";
import { openClaim } from "./claim-volume.ts";
import { openEmptyDirectory } from "./empty-directory.ts";
import { openHostPath } from "./host-path.ts";
import { ProjectedFiles } from "./projected-files.ts";
import { projectionOf } from "./projections.ts";

/** A volume as containers can mount it. */
export type ReadyVolume =
  | { kind: "directory"; path: string; readOnly: boolean }
  | { kind: "image"; reference: string; readOnly: true };

/** What cannot be prepared yet or at all; the pod waits. */
export class VolumeError extends Error {
  constructor(volume: string, reason: string) {
    super(`MountVolume.SetUp failed for volume "${volume}" : ${reason}`);
    this.name = "VolumeError";
  }
}

export class PodVolumes {
  readonly #context: NodeContext;
  readonly #ready = new Map<string, ReadyVolume>();
  readonly #projected: ProjectedFiles[] = [];
  #pod: Stored<Pod>;

  constructor(context: NodeContext, pod: Stored<Pod>) {
    this.#context = context;
    this.#pod = pod;
  }

  /** Prepares what is not ready yet. May be repeated. @throws {VolumeError} of the first that fails */
  async prepare(facts: PodFacts): Promise<void> {
    const volumes = this.#pod.spec?.volumes ?? [];
    await mkdir(podDirectory(this.#context, this.#pod.metadata.uid), { recursive: true, mode: 0o750 });
    const outcomes = await Promise.allSettled(volumes.map((volume) => this.#prepareOne(volume, facts)));
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  find(name: string): ReadyVolume | undefined {
    return this.#ready.get(name);
  }

  /** A directory or file inside a volume; a missing one is made as a directory. @throws {ConfigError} when it leads out */
  async subPath(name: string, path: string): Promise<string> {
    const volume = this.#ready.get(name);
    if (volume?.kind !== "directory") throw new ConfigError(`volume ${name} has no paths inside it`);
    if (path.startsWith("/") || path.split("/").includes("..")) {
      throw new ConfigError(`subPath ${path} is not below the volume ${name}`);
    }
    const root = await realpath(volume.path);
    await makeBelow(root, path, name);
    const found = await realpath(`${root}/${path}`);
    if (found !== root && !found.startsWith(`${root}/`)) {
      throw new ConfigError(`subPath ${path} leads out of the volume ${name}`);
    }
    return found;
  }

  /** The pod or something that its volumes show has changed; files follow. */
  async refresh(pod: Stored<Pod>, facts: PodFacts): Promise<void> {
    this.#pod = pod;
    for (const files of this.#projected) {
      await files
        .write(pod, facts)
        .catch((error) =>
          this.#context.log.debug(`a volume of pod ${pod.metadata.name} stays as it is: ${errorText(error)}`),
        );
    }
  }

  /** True when a volume shows this object. */
  shows(kind: "configmap" | "secret", name: string): boolean {
    return this.#projected.some((files) => files.shows(kind, name));
  }

  /** When the oldest token in a volume should be renewed, Unix milliseconds; undefined without tokens. */
  get renewAt(): number | undefined {
    const times = this.#projected.flatMap(({ renewAt }) => (renewAt === undefined ? [] : [renewAt]));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async #prepareOne(volume: Volume, facts: PodFacts): Promise<void> {
    if (this.#ready.has(volume.name)) return;
    try {
      this.#ready.set(volume.name, await this.#open(volume, facts));
    } catch (error) {
      throw new VolumeError(volume.name, errorText(error));
    }
  }

  async #open(volume: Volume, facts: PodFacts): Promise<ReadyVolume> {
    const { name, emptyDir, hostPath, persistentVolumeClaim, image, ephemeral } = volume;
    const { uid } = this.#pod.metadata;
    const shared = this.#pod.spec?.securityContext;
    if (emptyDir) return openEmptyDirectory(`${podDirectory(this.#context, uid)}/volumes/${name}`, emptyDir, shared);
    if (hostPath) return openHostPath(hostPath);
    if (persistentVolumeClaim) {
      const { claimName, readOnly = false } = persistentVolumeClaim;
      return openClaim(this.#context, this.#pod, claimName, readOnly);
    }
    if (ephemeral) return openClaim(this.#context, this.#pod, `${this.#pod.metadata.name}-${name}`, false);
    if (image) return { kind: "image", reference: image.reference ?? "", readOnly: true };
    const projection = projectionOf(volume);
    if (projection === undefined) {
      const kind = Object.keys(volume).find((key) => key !== "name") ?? "unknown";
      throw new Error(`this node has no volumes of type ${kind}`);
    }
    const directory = `${podRunDirectory(this.#context, uid)}/volumes/${name}`;
    const files = new ProjectedFiles(this.#context, directory, projection);
    await files.write(this.#pod, facts);
    this.#projected.push(files);
    return { kind: "directory", path: directory, readOnly: true };
  }
}

/** Makes missing directories one by one: none of them may be a link. */
async function makeBelow(root: string, path: string, volume: string): Promise<void> {
  let current = root;
  for (const part of path.split("/").filter((one) => one !== "" && one !== ".")) {
    current = `${current}/${part}`;
    const status = await lstat(current).catch(() => undefined);
    if (status === undefined) await mkdir(current, { mode: 0o755 });
    // A link may lead anywhere: where it ends is looked at by the caller, nothing is made behind it.
    else if (status.isSymbolicLink() && (await realpath(current).catch(() => undefined)) === undefined) {
      throw new ConfigError(`subPath ${path} of the volume ${volume} is a link to nothing`);
    }
  }
}

/** Everything that a pod has on this machine. Idempotent. */
export async function removePodFiles(context: Pick<NodeContext, "dataRoot" | "runRoot">, uid: string): Promise<void> {
  const directory = podDirectory(context, uid);
  // Those in memory are mounts.
  const volumes = await readdir(`${directory}/volumes`).catch(() => [] as string[]);
  for (const name of volumes) unmount(`${directory}/volumes/${name}`);
  await Promise.all(
    [directory, podRunDirectory(context, uid)].map((path) => rm(path, { recursive: true, force: true })),
  );
}
