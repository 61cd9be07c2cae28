/** Deleting objects one after the other: what `delete`, `replace --force` and `run --rm` have in common. */

import { propagationOf } from "./cascade.ts";
import type { KubectlContext } from "./declaration.ts";
import { Failures } from "./failures.ts";
import { KubeApiError } from "./kube-api.ts";
import { type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { printedName } from "./resource-types.ts";
import { untilGone } from "./until-gone.ts";

export interface Deletion {
  /** "background", "foreground" or "orphan" */
  readonly cascade: string;
  readonly "dry-run": string;
  readonly "ignore-not-found": boolean;
  /** "name": only names are told */
  readonly output: string;
  /** That each object has to end; negative: its own. */
  readonly seconds: number;
  /** At once, without waiting for the end. */
  readonly isForced: boolean;
  readonly timeout: string;
  readonly wait: boolean;
}

/**
 * What --grace-period says, in seconds; negative for the object's own. Nothing at all would end objects whose processes may still
 * run: that wants --force too, and without it 0 counts as 1.
 */
export const graceSeconds = (flags: { readonly force: boolean; readonly "grace-period": number }): number =>
  flags["grace-period"] === 0 && !flags.force ? 1 : flags["grace-period"];

/** Tells of each object, and waits for the end of all. @throws CliError with all failures, or when the time is over */
export async function deleteObjects(
  context: KubectlContext,
  targets: readonly ObjectTarget[],
  deletion: Deletion,
): Promise<void> {
  const failures = new Failures();
  const gone: { target: ObjectTarget; uid: string }[] = [];
  if (deletion.isForced) {
    context.printError(
      "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n",
    );
  }
  for (const target of targets) {
    try {
      gone.push({ target, uid: await deleteOne(context, target, deletion) });
      context.print(deletedLine(target, deletion));
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error;
      if (error.code === 404 && deletion["ignore-not-found"]) continue;
      const { manifest } = target;
      const attempt = manifest === undefined ? undefined : `error when deleting ${JSON.stringify(manifest.source)}`;
      failures.add(attempt === undefined ? error : error.during(attempt));
    }
  }
  const waits = deletion.wait && deletion["dry-run"] === "none" && !deletion.isForced;
  if (waits) await untilGone(context, gone, deletion.timeout);
  failures.throwIfAny();
}

/** Resolves to the object's UID; empty when nothing is sent. */
async function deleteOne(context: KubectlContext, target: ObjectTarget, deletion: Deletion): Promise<string> {
  const propagationPolicy = propagationOf(deletion.cascade);
  if (deletion["dry-run"] === "client") return "";
  type Answer = { metadata?: { uid?: string }; details?: { uid?: string } };
  const api = await context.api();
  const { metadata, details } = await api.json<Answer>("DELETE", objectPath(target), {
    body: {
      kind: "DeleteOptions",
      apiVersion: "v1",
      propagationPolicy,
      ...(deletion.seconds >= 0 ? { gracePeriodSeconds: deletion.seconds } : {}),
      ...(deletion["dry-run"] === "server" ? { dryRun: ["All"] } : {}),
    },
  });
  return metadata?.uid ?? details?.uid ?? "";
}

function deletedLine({ type, name, namespace }: ObjectTarget, deletion: Deletion): string {
  if (deletion.output === "name") return `${printedName(type, name)}\n`;
  const dry =
    deletion["dry-run"] === "client" ? " (dry run)" : deletion["dry-run"] === "server" ? " (server dry run)" : "";
  const kind = `${type.singular}${type.group === "" ? "" : `.${type.group}`}`;
  const place = namespace === undefined ? "" : ` from ${namespace} namespace`;
  return `${kind} ${JSON.stringify(name)} ${deletion.isForced ? "force " : ""}deleted${place}${dry}\n`;
}
