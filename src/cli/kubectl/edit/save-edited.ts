/** Sends edited objects as patches of what they were. */

import { CliError } from "../../cli-error.ts";
import { objectPatch } from "../apply-patch.ts";
import { withLastApplied } from "../create-object.ts";
import type { KubectlContext } from "../declaration.ts";
import { KubeApiError } from "../kube-api.ts";
import type { KubeManifestObject } from "../manifest-files.ts";
import type { PrintFlags } from "../output-format.ts";
import { type ObjectTarget, objectPath } from "../resource-arguments.ts";
import { groupVersion, qualified } from "../resource-types.ts";
import { tellResult, writeQuery } from "../write-flags.ts";
import { EditedFileError, type EditFailure } from "./edit-loop.ts";

interface SaveFlags extends PrintFlags {
  readonly "field-manager": string;
  readonly "output-patch"?: boolean;
  readonly "save-config"?: boolean;
  readonly subresource?: string;
  readonly validate: string;
}

/** One object that is edited, and as what it was shown. */
export interface EditedTarget {
  readonly target: ObjectTarget;
  readonly shown: KubeManifestObject;
}

/** @throws CliError when the file tells of other objects than were shown */
export async function saveEdited(
  context: KubectlContext,
  flags: SaveFlags,
  targets: readonly EditedTarget[],
  edited: readonly KubeManifestObject[],
): Promise<EditFailure[]> {
  const failures: EditFailure[] = [];
  await checkKinds(context, edited);
  for (const [object, { target, shown }] of pairsOf(targets, edited, await context.namespace())) {
    const wanted = flags["save-config"] ? withLastApplied(object) : object;
    const change = objectPatch(target.type, { last: shown, wanted, live: shown });
    if (Object.keys(change.body).length === 0) {
      await tellResult(context, { ...flags, "dry-run": "none" }, target.type, object, "skipped");
      continue;
    }
    if (flags["output-patch"]) context.print(`Patch: ${JSON.stringify(change.body)}\n`);
    const failure = await patch(context, flags, target, change);
    if (failure !== undefined) failures.push(failure);
  }
  return failures;
}

async function checkKinds(context: KubectlContext, objects: readonly KubeManifestObject[]): Promise<void> {
  const { all } = await context.types();
  for (const { apiVersion, kind, metadata } of objects) {
    if (kind === "Scale" || all.some((type) => groupVersion(type) === apiVersion && type.kind === kind)) continue;
    const { name = "", namespace = "" } = metadata ?? {};
    throw new EditedFileError(
      `resource mapping not found for name: "${name}" namespace: "${namespace}" from "edited-file": no matches for kind "${kind}" in version "${apiVersion}"\nensure CRDs are installed first`,
    );
  }
}

/** The objects of the file beside those that were shown. */
export function pairsOf(
  targets: readonly EditedTarget[],
  edited: readonly KubeManifestObject[],
  namespace: string,
): [KubeManifestObject, EditedTarget][] {
  return edited.map((object, at) => {
    const place = object.metadata?.namespace;
    const shownPlace = targets[at]?.target.namespace ?? namespace;
    if (place !== undefined && place !== shownPlace) {
      throw new CliError(
        `error: the namespace from the provided object "${place}" does not match the namespace "${shownPlace}". You must pass '--namespace=${place}' to perform this operation.`,
      );
    }
    const found = targets.find(({ shown }) => isSameObject(shown, object));
    if (found === undefined) throw new CliError("error: At least one of apiVersion, kind and name was changed");
    return [object, found];
  });
}

const isSameObject = (one: KubeManifestObject, other: KubeManifestObject): boolean =>
  one.apiVersion === other.apiVersion && one.kind === other.kind && one.metadata?.name === other.metadata?.name;

async function patch(
  context: KubectlContext,
  flags: SaveFlags,
  target: ObjectTarget,
  change: ReturnType<typeof objectPatch>,
): Promise<EditFailure | undefined> {
  const title = `${qualified(target.type)} ${JSON.stringify(target.name)}`;
  try {
    const path = objectPath(target, flags.subresource || undefined);
    const changed = await (await context.api()).json<KubeManifestObject>("PATCH", path, {
      ...change,
      query: writeQuery({ ...flags, "dry-run": "none" }),
    });
    await tellResult(context, { ...flags, "dry-run": "none" }, target.type, changed, "edited");
  } catch (error) {
    if (!(error instanceof KubeApiError)) throw error;
    return failureOf(title, error);
  }
  return undefined;
}

function failureOf(title: string, { reason, status }: KubeApiError): EditFailure {
  if (reason === "Invalid") {
    const causes = status.details?.causes ?? [];
    const lines = causes.map(({ field, message }) => `* ${field}: ${message}`);
    return { message: `${title} is invalid`, heading: [`${title} was not valid:`, ...lines, ""] };
  }
  if (reason === "NotFound") return { message: `${title} could not be found on the server` };
  return { message: `${title} could not be patched: ${status.message ?? reason}` };
}

/** "configmaps \"web\"", or the first of several. */
export const editTitle = (targets: readonly ObjectTarget[]): string =>
  targets.length === 0 ? "" : `${qualified(targets[0]!.type)} ${JSON.stringify(targets[0]!.name)}`;
