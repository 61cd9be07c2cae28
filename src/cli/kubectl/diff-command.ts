import { CliError } from "../cli-error.ts";
import { bool, int, list, string, strings } from "../flag-types.ts";
import { objectPatch } from "./apply-patch.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { DiffFiles, TROUBLE } from "./diff-files.ts";
import { withoutManagers } from "./edit/edited-objects.ts";
import { KubeApiError } from "./kube-api.ts";
import { lastAppliedObject } from "./last-applied.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { prunableObjects } from "./prunable-objects.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { pathOf } from "./resource-types.ts";
import { writeQuery } from "./write-flags.ts";

const CLIENT_SIDE = "kubectl-client-side-apply";

const FLAGS = {
  concurrency: int("How many objects are asked for at once", { initial: 1 }),
  "field-manager": string("Who would own the fields that are set", { initial: CLIENT_SIDE }),
  filename: strings("Files, folders or addresses of objects", { short: "f" }),
  "force-conflicts": bool("With --server-side: take over fields that others own"),
  kustomize: string("A kustomization", { short: "k" }),
  prune: bool("Show what apply --prune would delete too"),
  "prune-allowlist": list("The types that --prune looks at, as GROUP/VERSION/KIND", { type: "stringArray" }),
  recursive: bool("Folders below those of -f too", { short: "R" }),
  selector: string("Only objects with these labels", { short: "l" }),
  "server-side": bool("As apply --server-side would"),
  "show-managed-fields": bool("Who owns which field too"),
};
type Flags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };

export const command = defineKubectlCommand({
  usage: "-f FILENAME [options]",
  summary: "Show what apply would change",
  description:
    "Show how objects would change if their files were applied: by the program of KUBECTL_EXTERNAL_DIFF, else by diff -u -N. The exit code\nis 0 when nothing differs, 1 when something does, above 1 when that could not be told.",
  flags: FLAGS,
  async run({ flags, args, given, context }) {
    try {
      return await diff(context, flags, args, given("field-manager"));
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode > 1) throw error;
      throw new CliError(error.message, TROUBLE);
    }
  },
});

async function diff(context: KubectlContext, flags: Flags, args: readonly string[], isNamed: boolean): Promise<number> {
  if (flags.filename.length === 0 && flags.kustomize === "") throw new CliError("error: must specify one of -f and -k");
  if (args.length > 0) throw new CliError(`error: Unexpected args: [${args.join(" ")}]`);
  if (flags["force-conflicts"] && !flags["server-side"])
    throw new CliError("error: --force-conflicts only works with --server-side");
  const { objects: wanted } = await namedObjects(context, [], flags);
  const manager = flags["server-side"] && !isNamed ? "kubectl" : flags["field-manager"];
  const shown = (object: KubeManifestObject | undefined) =>
    object === undefined || flags["show-managed-fields"] ? object : withoutManagers(object);
  await using files = await DiffFiles.create();
  const width = Math.max(1, flags.concurrency);
  for (let at = 0; at < wanted.length; at += width) {
    await Promise.all(
      wanted.slice(at, at + width).map(async (target) => {
        const { live, merged } = await liveAndMerged(context, { ...flags, "field-manager": manager }, target);
        await files.add(target, shown(live), shown(merged));
      }),
    );
  }
  if (flags.prune) {
    for (const { target, object } of await prunableObjects(context, flags, wanted))
      await files.add(target, object, undefined);
  }
  return await files.compare();
}

async function liveAndMerged(
  context: KubectlContext,
  flags: Flags,
  target: ObjectTarget,
): Promise<{ live: KubeManifestObject | undefined; merged: KubeManifestObject }> {
  const api = await context.api();
  const { object } = target.manifest!;
  const query = writeQuery({ "dry-run": "server", "field-manager": flags["field-manager"] });
  const path = objectPath(target);
  const live = await api.get<KubeManifestObject>(path).catch((error: unknown) => {
    if (error instanceof KubeApiError && error.code === 404) return undefined;
    throw error;
  });
  if (flags["server-side"]) {
    const merged = await api.json<KubeManifestObject>("PATCH", path, {
      body: object,
      contentType: "application/apply-patch+yaml",
      query: { ...query, force: flags["force-conflicts"] ? "true" : undefined },
    });
    return { live, merged };
  }
  if (live === undefined) {
    const collection = pathOf(target.type, target.namespace);
    return { live, merged: await api.json<KubeManifestObject>("POST", collection, { body: object, query }) };
  }
  const { status: _status, ...own } = object;
  // What was applied last has annotations even when there were none.
  const wanted = { ...own, metadata: { annotations: {}, ...object.metadata } };
  const { body, contentType } = objectPatch(target.type, { last: lastAppliedObject(live), wanted, live });
  if (Object.keys(body).length === 0) return { live, merged: live };
  const merged = await api.json<KubeManifestObject>("PATCH", path, { body, contentType, query });
  return { live, merged };
}
