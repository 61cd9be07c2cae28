import { string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { changeMetadata, METADATA_FLAGS } from "./metadata-change.ts";

export const command = defineKubectlCommand({
  usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version] [options]",
  summary: "Change labels of objects",
  flags: {
    ...METADATA_FLAGS,
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-label" }),
  },
  async run({ flags, args, context }) {
    await changeMetadata(context, args, flags, "labels");
  },
});
