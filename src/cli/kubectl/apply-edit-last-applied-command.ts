import { CliError } from "../cli-error.ts";
import { string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { checkEditedForm, EDIT_FLAGS } from "./edit/edit-flags.ts";
import { editUntilSaved } from "./edit/edit-loop.ts";
import { foundObjects } from "./edit/edited-objects.ts";
import { type EditedTarget, editTitle, pairsOf } from "./edit/save-edited.ts";
import { LAST_APPLIED, lastAppliedObject, lastAppliedText, textToKeep } from "./last-applied.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { objectPath } from "./resource-arguments.ts";
import { printedName } from "./resource-types.ts";
import { writeQuery } from "./write-flags.ts";

const INTRODUCTION = [
  "Please edit the 'last-applied-configuration' annotations below.",
  "Lines beginning with a '#' will be ignored, and an empty file will abort the edit.",
  "",
];

export const command = defineKubectlCommand({
  usage: "(RESOURCE/NAME | -f FILENAME) [options]",
  summary: "Edit what objects keep of the file that was applied last",
  description: "Edit what was applied last, as the object keeps it; the object itself stays as it is",
  flags: {
    ...EDIT_FLAGS,
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-client-side-apply" }),
  },
  async run({ flags, args, context }) {
    checkEditedForm(flags.output);
    const targets: EditedTarget[] = (await foundObjects(context, args, flags)).flatMap(({ target, object }) => {
      if (lastAppliedText(object) === undefined) return [];
      return [{ target, shown: lastAppliedObject(object) as KubeManifestObject }];
    });
    if (targets.length === 0) {
      throw new CliError(
        "error: no last-applied-configuration annotation found on resources, to create the annotation, use command `kubectl apply set-last-applied --create-annotation`",
      );
    }
    const api = await context.api();
    return await editUntilSaved(context, flags, {
      objects: targets.map(({ shown }) => shown),
      title: editTitle(targets.map(({ target }) => target)),
      introduction: INTRODUCTION,
      async save(edited) {
        for (const [object, { target }] of pairsOf(targets, edited, await context.namespace())) {
          await api.send("PATCH", objectPath(target), {
            body: { metadata: { annotations: { [LAST_APPLIED]: textToKeep(object) } } },
            contentType: "application/merge-patch+json",
            query: writeQuery({ ...flags, "dry-run": "none" }),
          });
          context.print(`${printedName(target.type, target.name)} edited\n`);
        }
        return [];
      },
    });
  },
});
