import { CliError } from "../cli-error.ts";
import { int } from "../flag-types.ts";
import { sameJson } from "./apply-patch.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { templateText } from "./describe/pod-volumes.ts";
import { LAST_APPLIED } from "./last-applied.ts";
import { type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { printedName } from "./resource-types.ts";
import { ROLLOUT_FLAGS, rolloutTargets } from "./rollout-change.ts";
import { type KeptRevision, keptRevisions } from "./rollout-revisions.ts";
import { checkRolled, type PodTemplateHolder } from "./workload-kinds.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

/** What the deployment controller adds to a replica set's template. */
const HASH_LABEL = "pod-template-hash";

export const command = defineKubectlCommand({
  usage: "(TYPE NAME | TYPE/NAME) [flags] [options]",
  summary: "Go back to an earlier revision",
  flags: { ...ROLLOUT_FLAGS, "dry-run": dryRun(), "to-revision": int("The revision to go back to; 0: the one before") },
  async run({ flags, args, context }) {
    const api = await context.api();
    for (const target of await rolloutTargets(context, args, flags)) {
      const object = await api.get<PodTemplateHolder>(objectPath(target));
      warnOfApplied(context, target, object);
      checkRolled(target.type, "undo", target.name);
      if (object.spec?.paused === true) {
        throw new CliError(
          `error: you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume deployment/${target.name}' and try again`,
        );
      }
      const kept = await keptRevisions(context, target, object);
      const found = wanted(kept, flags["to-revision"], target).template;
      const template = withoutHash(found);
      if (flags["dry-run"] === "client") {
        context.print(`${printedName(target.type, target.name)} ${templateText(found)} (dry run)\n`);
        continue;
      }
      if (sameJson(template, object.spec?.template)) {
        context.print(
          `${printedName(target.type, target.name)} skipped rollback (current template already matches revision ${flags["to-revision"]})\n`,
        );
        continue;
      }
      // The whole template takes the place of the present one: what came later goes.
      const changed = await api.json<PodTemplateHolder>("PATCH", objectPath(target), {
        body: [{ op: "replace", path: "/spec/template", value: template }],
        contentType: "application/json-patch+json",
        query: writeQuery(flags),
      });
      await tellResult(context, flags, target.type, changed, "rolled back");
    }
  },
});

/** @throws CliError when that revision is not there (any more) */
function wanted(kept: readonly KeptRevision[], revision: number, target: ObjectTarget): KeptRevision {
  const found = revision > 0 ? kept.find((one) => one.revision === revision) : kept.at(-2);
  if (found !== undefined) return found;
  const isDeployment = target.type.resource === "deployments";
  if (revision > 0 || !isDeployment)
    throw new CliError(`error: unable to find specified revision ${revision} in history`);
  throw new CliError(`error: no rollout history found for deployment ${JSON.stringify(target.name)}`);
}

function warnOfApplied(context: KubectlContext, { type, name }: ObjectTarget, { metadata }: PodTemplateHolder): void {
  const { annotations } = metadata as { annotations?: Record<string, string> };
  if (annotations?.[LAST_APPLIED] === undefined) return;
  context.printError(
    `Warning: ${type.resource}/${name} is kept by 'apply', which remembers the newer file (${LAST_APPLIED}) and compares with it the next time. Apply the older file instead.\n`,
  );
}

function withoutHash(template: unknown): unknown {
  const { $patch: _patch, ...plain } = (template ?? {}) as {
    $patch?: string;
    metadata?: { labels?: Record<string, string> };
  };
  const { [HASH_LABEL]: _hash, ...labels } = plain.metadata?.labels ?? {};
  return { ...plain, metadata: { ...plain.metadata, labels } };
}
