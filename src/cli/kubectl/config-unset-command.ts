import { defineKubectlCommand } from "./declaration.ts";
import { checkWordCount } from "./help-error.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { unsetProperty } from "./kubeconfig/property.ts";

export const command = defineKubectlCommand({
  usage: "PROPERTY_NAME [options]",
  summary: "Take one value out of the kubeconfig",
  flags: {},
  async run({ args, context }) {
    checkWordCount(args, 1);
    const property = args[0]!;
    await new KubeconfigFiles(context.kubeconfig.path).change((config) => unsetProperty(config, property), false);
    context.print(`Property ${JSON.stringify(property)} unset.\n`);
  },
});
