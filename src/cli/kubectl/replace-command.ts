import { CliError } from "../cli-error.ts";
import { bool, list, string } from "../flag-types.ts";
import { withLastApplied } from "./create-object.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { KubeApiError } from "./kube-api.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { namedObjects, objectPath } from "./resource-arguments.ts";
import { dryRun, tellResult, validate, writeQuery } from "./write-flags.ts";

export const command = defineKubectlCommand({
  usage: "-f FILENAME [options]",
  summary: "Replace a resource by file name or stdin",
  flags: {
    ...PRINT_FLAGS,
    "dry-run": dryRun(),
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-replace" }),
    filename: list("Files, folders or addresses of objects", { short: "f", type: "strings" }),
    force: bool("Delete and create anew"),
    kustomize: string("A kustomization", { short: "k" }),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    "save-config": bool("Keep the file's text in an annotation, for later use of apply"),
    subresource: string("A part of the objects: status, scale"),
    validate: validate(),
  },
  async run({ flags, context }) {
    if (flags.filename.length === 0 && flags.kustomize === "") {
      throw new CliError("error: must specify one of -f and -k");
    }
    if (flags.force) throw new CliError("error: --force is not supported: use delete, then create");
    const { objects } = await namedObjects(context, [], flags);
    const api = await context.api();
    for (const target of objects) {
      const { object, source } = target.manifest!;
      const body = flags["save-config"] ? withLastApplied(object) : object;
      if (flags["dry-run"] === "client") {
        await tellResult(context, flags, target.type, body, "replaced");
        continue;
      }
      try {
        const path = objectPath(target, flags.subresource || undefined);
        const made = await api.json<KubeManifestObject>("PUT", path, { body, query: writeQuery(flags) });
        await tellResult(context, flags, target.type, made, "replaced");
      } catch (error) {
        if (!(error instanceof KubeApiError)) throw error;
        throw error.during(`error when replacing ${JSON.stringify(source)}`);
      }
    }
  },
});
