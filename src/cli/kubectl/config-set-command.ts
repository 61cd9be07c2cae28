import { bool } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { checkWordCount } from "./help-error.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { setProperty } from "./kubeconfig/property.ts";

export const command = defineKubectlCommand({
  usage: "PROPERTY_NAME PROPERTY_VALUE [options]",
  summary: "Set one value of the kubeconfig",
  flags: { "set-raw-bytes": bool("For fields of bytes: the value as it stands, not base64") },
  async run({ flags, args, context }) {
    checkWordCount(args, 2);
    const [property = "", value = ""] = args;
    const files = new KubeconfigFiles(context.kubeconfig.path);
    await files.change((config) => setProperty(config, property, value, flags["set-raw-bytes"]), false);
    context.print(`Property ${JSON.stringify(property)} set.\n`);
  },
});
