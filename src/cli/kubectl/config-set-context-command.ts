import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { readConfigFile, writeConfigFile } from "./config-file.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace] [options]",
  summary: "Set a context entry in kubeconfig",
  flags: {
    cluster: string("The context's cluster"),
    current: bool("Change the current context"),
    namespace: string("The context's namespace", { short: "n" }),
    user: string("The context's user"),
  },
  async run({ flags, args, context, given }) {
    if (args.length > 1) throw new CliError(`error: Unexpected args: [${args.join(" ")}]`);
    if (flags.current && args.length > 0)
      throw new CliError("error: you cannot specify both a context name and --current");
    const { path, config } = await readConfigFile(context);
    const name = flags.current ? config["current-context"] : (args[0] ?? "");
    if (name === "") {
      throw new CliError(
        flags.current
          ? "error: no current context is set"
          : "error: you must specify a non-empty context name or --current",
      );
    }
    const known = config.contexts.find((one) => one.name === name);
    const changes = Object.fromEntries(
      (["cluster", "namespace", "user"] as const).filter((flag) => given(flag)).map((flag) => [flag, flags[flag]]),
    );
    const changed = { name, context: { ...(known?.context ?? { cluster: "", user: "" }), ...changes } };
    const contexts =
      known === undefined
        ? [...config.contexts, changed]
        : config.contexts.map((one) => (one === known ? changed : one));
    await writeConfigFile(path, { ...config, contexts });
    context.print(`Context ${JSON.stringify(name)} ${known === undefined ? "created" : "modified"}.\n`);
  },
});
