import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { type CreateFlags, createObject } from "./create-object.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import type { EditFlags } from "./edit/edit-loop.ts";
import { onEach } from "./failures.ts";
import { UsageError } from "./help-error.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { namedObjects } from "./resource-arguments.ts";
import { qualified, type ServedType } from "./resource-types.ts";
import { dryRun, validate } from "./write-flags.ts";

export const command = defineKubectlCommand({
  usage: "-f FILENAME [options]",
  summary: "Make objects from files",
  flags: {
    ...PRINT_FLAGS,
    "dry-run": dryRun(),
    edit: bool("Open each object in an editor before it is made"),
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-create" }),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    raw: string("A path of the API that the file is posted to"),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    "save-config": bool("Keep the file's text in an annotation, for later use of apply"),
    selector: string("Only objects with these labels", { short: "l" }),
    validate: validate(),
    "windows-line-endings": bool("With --edit: lines end as on Windows"),
  },
  async run({ flags, args, context }) {
    if ((flags.filename.length === 0 && flags.kustomize === "") || args.length > 0) {
      if (args.length > 0) throw new UsageError(`error: Unexpected args: [${args.join(" ")}]`);
      throw new CliError("error: must specify one of -f and -k");
    }
    if (flags.raw !== "") {
      if (flags.filename.length !== 1 || /^https?:|,/.test(flags.filename[0]!))
        throw new CliError("error: --raw can only use a single local file or stdin");
      const { printRawAnswer } = await import("./raw-request.ts");
      await printRawAnswer(context, "POST", flags.raw, flags.filename[0]!);
      return;
    }
    const { objects } = await namedObjects(context, [], flags);
    await onEach(objects, async ({ type, namespace, manifest }) => {
      const attempt = `error when creating ${JSON.stringify(manifest!.source)}`;
      if (flags.edit) await createEdited(context, flags, type, namespace, manifest!.object);
      else await createObject(context, flags, type, namespace, manifest!.object, { attempt });
    });
  },
});

/** What the server refuses is not opened again: the object is told of, and left out. */
async function createEdited(
  context: KubectlContext,
  flags: CreateFlags & EditFlags,
  type: ServedType,
  namespace: string | undefined,
  object: KubeManifestObject,
): Promise<void> {
  const { EDIT_INTRODUCTION, editUntilSaved } = await import("./edit/edit-loop.ts");
  let refusal: CliError | undefined;
  await editUntilSaved(context, flags, {
    objects: [object],
    title: `${qualified(type)} ${JSON.stringify(object.metadata?.name ?? "")}`,
    introduction: EDIT_INTRODUCTION,
    async save(edited) {
      try {
        for (const one of edited) await createObject(context, flags, type, one.metadata?.namespace ?? namespace, one);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        refusal = error;
      }
      return [];
    },
  });
  if (refusal !== undefined) throw refusal;
}
