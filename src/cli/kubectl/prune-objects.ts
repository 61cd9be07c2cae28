/** `apply --prune`: takes away what the files no longer tell of. */

import { propagationOf } from "./cascade.ts";
import type { KubectlContext } from "./declaration.ts";
import type { PrintFlags } from "./output-format.ts";
import { type PruneFlags, prunableObjects } from "./prunable-objects.ts";
import { type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { untilGone } from "./until-gone.ts";
import { tellResult } from "./write-flags.ts";

interface ApplyPruneFlags extends PruneFlags, PrintFlags {
  readonly cascade: string;
  readonly "dry-run": string;
  readonly "grace-period": number;
  readonly timeout: string;
  readonly wait: boolean;
}

/** @param kept the objects of the files @throws CliError, KubeApiError */
export async function pruneObjects(
  context: KubectlContext,
  flags: ApplyPruneFlags,
  kept: readonly ObjectTarget[],
): Promise<void> {
  const api = await context.api();
  const seconds = flags["grace-period"];
  const body = {
    kind: "DeleteOptions",
    apiVersion: "v1",
    propagationPolicy: propagationOf(flags.cascade),
    ...(seconds >= 0 ? { gracePeriodSeconds: seconds } : {}),
    ...(flags["dry-run"] === "server" ? { dryRun: ["All"] } : {}),
  };
  const gone: { target: ObjectTarget; uid: string }[] = [];
  for (const { target, object } of await prunableObjects(context, flags, kept)) {
    if (flags["dry-run"] !== "client") await api.send("DELETE", objectPath(target), { body });
    await tellResult(context, flags, target.type, object, "pruned");
    gone.push({ target, uid: String(object.metadata?.uid ?? "") });
  }
  if (flags.wait && flags["dry-run"] === "none") await untilGone(context, gone, flags.timeout);
}
