import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { HelpError } from "./help-error.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import { withEntry } from "./kubeconfig/model.ts";

export const command = defineKubectlCommand({
  usage: "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace] [options]",
  summary: "Add or change a context",
  flags: {
    cluster: string("The context's cluster"),
    current: bool("Change the current context"),
    namespace: string("The context's namespace", { short: "n" }),
    user: string("The context's user"),
  },
  async run({ flags, args, context, given }) {
    if (args.length > 1) throw new HelpError(`error: Unexpected args: [${args.join(" ")}]`);
    if (flags.current && args.length > 0)
      throw new CliError("error: you cannot specify both a context name and --current");
    if (!flags.current && (args[0] ?? "") === "")
      throw new CliError("error: you must specify a non-empty context name or --current");
    const changes = Object.fromEntries(
      (["cluster", "namespace", "user"] as const).filter((flag) => given(flag)).map((flag) => [flag, flags[flag]]),
    );
    const told = { name: "", isNew: false };
    await new KubeconfigFiles(context.kubeconfig.path).change((config) => {
      const name = flags.current ? config.current : args[0]!;
      if (name === "") throw new CliError("error: no current context is set");
      const known = config.contexts.get(name);
      Object.assign(told, { name, isNew: known === undefined });
      const entry = { origin: "", ...known, value: { ...known?.value, ...changes } };
      return withEntry(config, "contexts", name, entry);
    });
    context.print(`Context ${JSON.stringify(told.name)} ${told.isNew ? "created" : "modified"}.\n`);
  },
});
