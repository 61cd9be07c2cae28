/** Everything before a container's start: its image, its request, the container itself. */

import { chmod, mkdir, writeFile } from "node:fs/promises";
import type { Engine } from "../../engine/contract.ts";
import { isKind } from "../../lib/errors.ts";
import type { ContainerCreateRequest } from "../../model/container.ts";
import type { Pod } from "../../model/kubernetes/core.ts";
import type { Stored } from "../../model/kubernetes/object.ts";
import { containerHash } from "./container-hash.ts";
import { containerRequest } from "./container-request.ts";
import type { PresentImage } from "./image-presence.ts";
import { type NodeContext, podRunDirectory } from "./node-context.ts";
import type { PodContainer } from "./pod-containers.ts";
import type { PodHost } from "./pod-host.ts";
import { containerName, labelsOf, type PodLabels } from "./pod-labels.ts";
import { pullCredentials } from "./pull-secrets.ts";

type Tell = (type: "Normal" | "Warning", reason: string, message: string) => void;

interface PreparedContainer {
  labels: PodLabels;
  request: ContainerCreateRequest;
  imageId: string;
}

/** @throws {PullError}, {ConfigError}; the reason of host.starting when nothing is to be started any more */
export async function prepareContainer(
  context: NodeContext,
  host: PodHost,
  container: PodContainer,
  attempt: number,
  tell: Tell,
): Promise<PreparedContainer> {
  const { spec, kind } = container;
  const image = await ensureImage(context, host, container, tell);
  host.starting.throwIfAborted();
  const { pod, facts, volumes, hostname } = host;
  const labels = labelsOf(pod, { name: spec.name, kind, attempt, hash: containerHash(spec) });
  const file = messageFile(context, pod, spec.name, attempt);
  await mkdir(`${podRunDirectory(context, labels.podUid)}/messages`, { recursive: true, mode: 0o755 });
  await writeFile(file, "");
  // Whoever the container runs as writes there; the daemon's own mask does not matter.
  await chmod(file, 0o666);
  const parts = { pod, container: spec, labels, facts, volumes, imageUser: image.user, hostname, messageFile: file };
  return { labels, request: await containerRequest(context, parts), imageId: image.imageId };
}

/** The file behind a container's terminationMessagePath. */
export function messageFile(context: NodeContext, pod: Stored<Pod>, container: string, attempt: number): string {
  return `${podRunDirectory(context, pod.metadata.uid)}/messages/${container}-${attempt}`;
}

async function ensureImage(
  { client, images }: NodeContext,
  host: PodHost,
  { spec }: PodContainer,
  tell: Tell,
): Promise<PresentImage> {
  const { image = "", imagePullPolicy = "IfNotPresent" } = spec;
  const credentials = await pullCredentials(client, host.pod, image);
  const telling = {
    begins: () => tell("Normal", "Pulling", `Pulling image "${image}"`),
    ended: (seconds: number, bytes: number) => {
      const took = `${seconds.toFixed(3)}s`;
      const words = `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${bytes} bytes.`;
      tell("Normal", "Pulled", words);
    },
  };
  const found = await images.ensure(image, imagePullPolicy, credentials, telling, host.starting);
  if (found.wasPresent) tell("Normal", "Pulled", `Container image "${image}" already present on machine`);
  return found.image;
}

/** @returns the engine's id */
export async function createContainer(
  { containers }: Engine,
  labels: PodLabels,
  request: ContainerCreateRequest,
): Promise<string> {
  const name = containerName(labels);
  const options = { pod: labels.podUid };
  try {
    return (await containers.create(name, request, options)).Id;
  } catch (error) {
    if (!isKind(error, "conflict")) throw error;
    // Left by a start that a crash interrupted.
    await containers.remove(name, { force: true, volumes: true, link: false });
    return (await containers.create(name, request, options)).Id;
  }
}
