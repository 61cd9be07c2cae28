import { CliError } from "../cli-error.ts";
import { bool, strings } from "../flag-types.ts";
import { NOTHING_NAMED } from "./chosen-objects.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { LAST_APPLIED, lastAppliedText, textToKeep } from "./last-applied.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, type ObjectTarget, objectPath } from "./resource-arguments.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

export const command = defineKubectlCommand({
  usage: "-f FILENAME [options]",
  summary: "Take a file for what was applied last",
  description: "Keep a file's text as what was applied last; the object itself stays as it is",
  flags: {
    ...PRINT_FLAGS,
    "create-annotation": bool("Also where nothing was applied yet"),
    "dry-run": dryRun(),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
  },
  async run({ flags, context }) {
    const { objects } = await namedObjects(context, [], { filename: flags.filename, recursive: false });
    if (objects.length === 0) throw new CliError(NOTHING_NAMED);
    const api = await context.api();
    const wanted: { target: ObjectTarget; text: string }[] = [];
    for (const target of objects) {
      const text = textToKeep(target.manifest!.object);
      const last = lastAppliedText(await api.get<KubeManifestObject>(objectPath(target)));
      if (last === undefined && !flags["create-annotation"]) {
        throw new CliError(
          `error: no last-applied-configuration annotation found on resource: ${target.name}, to create the annotation, run the command with --create-annotation`,
        );
      }
      if (last === text) context.printError(`set-last-applied ${target.name}: no changes required.\n`);
      else wanted.push({ target, text });
    }
    for (const { target, text } of wanted) {
      const body = { metadata: { annotations: { [LAST_APPLIED]: text } } };
      const changed =
        flags["dry-run"] === "client"
          ? target.manifest!.object
          : await api.json<KubeManifestObject>("PATCH", objectPath(target), {
              body,
              contentType: "application/merge-patch+json",
              query: writeQuery(flags),
            });
      await tellResult(context, flags, target.type, changed, "configured");
    }
  },
});
