/** New images and numbers of replicas. */

import { CliError } from "../../cli-error.ts";
import type { KubeManifestObject } from "../manifest-files.ts";
import { type CustomizedObject, wasNamed } from "./customized-object.ts";
import type { ImageEntry } from "./kustomization-file.ts";

/** In every list of containers, however deep it stands. */
export function setImages(objects: readonly CustomizedObject[], entries: readonly ImageEntry[]): void {
  for (const { object } of objects) {
    if (object.kind === "CustomResourceDefinition") continue;
    for (const entry of entries) changeContainers(object, entry);
  }
}

function changeContainers(value: unknown, entry: ImageEntry): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if ((key === "containers" || key === "initContainers") && Array.isArray(member)) {
      for (const container of member as { image?: unknown }[])
        if (typeof container?.image === "string") container.image = newImage(container.image, entry);
    }
    changeContainers(member, entry);
  }
}

/** "registry:5000/name:tag@digest" in its parts. */
function newImage(image: string, { name, newName, newTag, digest, tagSuffix }: ImageEntry): string {
  const [, own = "", tag = "", oldDigest = ""] = /^(.*?)(:[^:/@]+)?(@.*)?$/.exec(image) ?? [];
  if (own !== name) return image;
  const renamed = newName || own;
  if (digest) return `${renamed}@${digest}`;
  if (newTag !== undefined && newTag !== "") return `${renamed}:${newTag}${tagSuffix ?? ""}`;
  return `${renamed}${tag}${tag && tagSuffix ? tagSuffix : ""}${oldDigest}`;
}

const SCALED = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];

/** @throws CliError when nothing has the name */
export function setReplicas(objects: readonly CustomizedObject[], name: string, count: number): void {
  const found = objects.filter((one) => SCALED.includes(one.object.kind) && wasNamed(one, name));
  if (found.length === 0) {
    throw new CliError(
      `error: resource with name ${name} does not match a config with the following GVK [${SCALED.map((kind) => `${kind}.[noVer].[noGrp]`).join(" ")}]`,
    );
  }
  for (const one of found) {
    const object = one.object as KubeManifestObject & { spec?: object };
    one.object = { ...object, spec: { ...object.spec, replicas: count } };
  }
}
