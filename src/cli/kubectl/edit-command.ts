import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { checkEditedForm, EDIT_FLAGS } from "./edit/edit-flags.ts";
import { EDIT_INTRODUCTION, editUntilSaved } from "./edit/edit-loop.ts";
import { foundObjects, withoutManagers } from "./edit/edited-objects.ts";
import { editTitle, saveEdited } from "./edit/save-edited.ts";

export const command = defineKubectlCommand({
  usage: "(RESOURCE/NAME | -f FILENAME) [options]",
  summary: "Edit objects in your editor",
  description:
    "Open objects in the editor of KUBE_EDITOR or EDITOR (else vi) and send what was changed. What the server refuses is opened again\nwith its words.",
  flags: {
    ...EDIT_FLAGS,
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-edit" }),
    "output-patch": bool("Print the patch that is sent"),
    "save-config": bool("Keep the object's text in an annotation, for later use of apply"),
    subresource: string("A part of the objects: status, scale"),
  },
  async run({ flags, args, context }) {
    checkEditedForm(flags.output);
    const found = await foundObjects(context, args, flags, { subresource: flags.subresource });
    if (found.length === 0) throw new CliError("error: edit cancelled, no objects found");
    const targets = found.map(({ target, object }) => ({
      target,
      shown: flags["show-managed-fields"] ? object : withoutManagers(object),
    }));
    return await editUntilSaved(context, flags, {
      objects: targets.map(({ shown }) => shown),
      title: editTitle(found.map(({ target }) => target)),
      introduction: EDIT_INTRODUCTION,
      save: (edited) => saveEdited(context, flags, targets, edited),
    });
  },
});
