import { readFile } from "node:fs/promises";
import { inNamespace, kubeJson, kubeObjects, kubeYaml } from "../../compose/kube/kube-objects.ts";
import { NaruError } from "../../lib/errors.ts";
import { CliError } from "../cli-error.ts";
import { minArgs } from "../command.ts";
import { string } from "../flag-types.ts";
import { defineComposeCommand } from "./declaration.ts";

const FORMATS = ["yaml", "json"];

export const command = defineComposeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  summary: "Print the project as Kubernetes objects",
  args: minArgs(0),
  dryRun: "reads",
  flags: {
    format: string("yaml or json (default: yaml)"),
    namespace: string("Put the objects into this namespace", { short: "n" }),
    output: string("Write to this file", { short: "o" }),
  },
  async run({ flags, args, context }) {
    const format = flags.format || "yaml";
    if (!FORMATS.includes(format)) throw new CliError(`unknown format ${format}: there are ${FORMATS.join(", ")}`);
    const project = await context.loadProject({ services: args });
    try {
      const made = await kubeObjects(project, { read: (path) => readFile(path).catch(() => undefined) });
      const objects = flags.namespace === "" ? made.objects : inNamespace(made.objects, flags.namespace);
      const text = format === "yaml" ? kubeYaml({ ...made, objects }) : kubeJson({ ...made, objects });
      // JSON has no comments.
      if (format === "json") for (const remark of made.remarks) context.printError(`${remark}\n`);
      if (flags.output === "") context.print(text);
      else await Bun.write(flags.output, text);
    } catch (error) {
      if (error instanceof NaruError) throw new CliError(error.message);
      throw error;
    }
  },
});
