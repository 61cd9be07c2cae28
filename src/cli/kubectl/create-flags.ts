/** What all commands that make one object from flags have in common. */

import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { createObject } from "./create-object.ts";
import type { KubectlContext } from "./declaration.ts";
import { UsageError } from "./help-error.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { dryRun, validate } from "./write-flags.ts";

export const CREATE_FLAGS = {
  ...PRINT_FLAGS,
  "dry-run": dryRun(),
  "field-manager": string("Who owns the fields that are set", { initial: "kubectl-create" }),
  "save-config": bool("Keep the object's text in an annotation, for later use of apply"),
  validate: validate(),
};
type CreateFlags = Parameters<typeof createObject>[1];

/** The one name that the command takes. @throws CliError */
export function oneName(args: readonly string[]): string {
  if (args.length !== 1) throw new UsageError(`error: exactly one NAME is required, got ${args.length}`);
  return args[0]!;
}

/** "a=b" pairs of a repeatable flag. @throws CliError naming what they are */
export function keyValues(pairs: readonly string[], what: string): [string, string][] {
  return pairs.map((pair) => {
    const equals = pair.indexOf("=");
    if (equals < 1) throw new CliError(`error: invalid ${what} ${pair}, expected key=value`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
}

/** Creates the object in the command's namespace. */
export async function create(context: KubectlContext, flags: CreateFlags, object: KubeManifestObject): Promise<void> {
  const type = (await context.types()).ofKind(object.apiVersion, object.kind);
  const namespace = type.namespaced ? await context.namespace() : undefined;
  // A name that the user chose for the namespace stands in what is printed too.
  const placed =
    type.namespaced && context.namespaceGiven
      ? { ...object, metadata: { ...object.metadata, namespace: namespace! } }
      : object;
  try {
    await createObject(context, flags, type, namespace, placed);
  } catch (error) {
    const { KubeApiError } = await import("./kube-api.ts");
    if (!(error instanceof KubeApiError) || TOLD_AS_THEY_COME.includes(object.kind)) throw error;
    throw new CliError(`error: failed to create ${attemptOf(object)} ${error.status.message ?? ""}`);
  }
}

const TOLD_AS_THEY_COME = ["Namespace", "Role", "ClusterRole"];

/** What could not be made, as kubectl names it. */
function attemptOf({ kind, spec }: KubeManifestObject): string {
  if (kind === "Secret") return "secret";
  if (kind === "ResourceQuota") return "quota:";
  if (kind === "PodDisruptionBudget") return "poddisruptionbudgets:";
  if (kind === "Service") return `${(spec as { type?: string }).type ?? "ClusterIP"} service:`;
  return `${kind.toLowerCase()}:`;
}

/** The last part of an image's name: the name of a container that runs it. */
export function nameOfImage(image: string): string {
  const last = image.split("/").at(-1)!.split("@")[0]!.split(":")[0]!;
  return last
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 63);
}
