/** What went into a build from elsewhere, as provenance names it: images as package URLs, repositories, downloads. */
import { canonicalReference, familiarName, parseReference } from "../../lib/image-reference.ts";
import { platformText } from "../../lib/platform.ts";
import type { BuildPlan, ResolvedImage, Step } from "../solver/graph.ts";
import { stepInputs } from "../solver/step-digest.ts";
import type { Planning } from "./planning.ts";

type Material = BuildPlan["materials"][number];

/** Each once, in the order in which the steps need them. */
export function materialsOf(plannings: readonly Planning[]): Material[] {
  const found = new Map<string, Material>();
  const seen = new Set<Step>();
  const waiting = plannings.flatMap(({ nodes }) => nodes.flatMap(({ root }) => (root ? [root] : [])));
  for (let step = waiting.pop(); step; step = waiting.pop()) {
    if (seen.has(step)) continue;
    seen.add(step);
    const material = materialOf(step);
    if (material) found.set(material.uri, material);
    waiting.push(...stepInputs(step));
  }
  return [...found.values()].toSorted((a, b) => (a.uri < b.uri ? -1 : 1));
}

function materialOf({ operation }: Step): Material | undefined {
  switch (operation.type) {
    case "image":
      return imageMaterial(operation.image);
    case "git": {
      const uri = operation.ref === undefined ? operation.remote : `${operation.remote}#${operation.ref}`;
      return operation.checksum === undefined ? { uri } : { uri, digest: { sha1: operation.checksum } };
    }
    case "http": {
      const { url, checksum } = operation;
      return checksum === undefined ? { uri: url } : { uri: url, digest: { sha256: checksum.slice("sha256:".length) } };
    }
    default:
      return undefined;
  }
}

/** "pkg:docker/debian@bookworm?platform=linux%2Famd64". */
function imageMaterial({ name, canonical, id, platform }: ResolvedImage): Material {
  // Without a name of its own: of an OCI layout, or named by its id.
  if (canonical === id) {
    const uri = `pkg:oci/${encodeURIComponent(name)}?platform=${encodeURIComponent(platformText(platform))}`;
    return { uri, digest: { sha256: id.slice("sha256:".length) } };
  }
  const reference = parseReference(name.replace(/@.*$/, ""));
  const repository = familiarName(canonicalReference(reference)).replace(/:[^:/]*$/, "");
  const place = encodeURIComponent(platformText(platform));
  const uri = `pkg:docker/${repository}@${encodeURIComponent(reference.tag ?? "latest")}?platform=${place}`;
  return { uri, digest: { sha256: id.slice("sha256:".length) } };
}
