import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { configText, type KubeconfigFile, readConfigFile } from "./config-file.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { objectPrinter, PRINT_FLAGS } from "./output-format.ts";

export const command = defineKubectlCommand({
  usage: "[flags] [options]",
  summary: "Display merged kubeconfig settings or a specified kubeconfig file",
  flags: {
    ...PRINT_FLAGS,
    minify: bool("Only what the chosen context needs"),
    output: string("How to print: yaml, json, go-template, jsonpath and their -file forms", {
      short: "o",
      initial: "yaml",
    }),
    raw: bool("Certificates, keys and tokens too"),
  },
  async run({ flags, context }) {
    const { config } = await readConfigFile(context);
    const wanted = flags.minify ? minified(config, context.kubeconfig.context || config["current-context"]) : config;
    const shown = flags.raw ? wanted : withoutSecrets(wanted);
    const printer = flags.output === "yaml" ? configText : await objectPrinter(flags);
    if (printer === undefined) throw new CliError(`error: -o "${flags.output}" is for tables; leave it out here`);
    context.print(printer(shown));
  },
});

function minified(config: KubeconfigFile, name: string): KubeconfigFile {
  const chosen = config.contexts.find((one) => one.name === name);
  if (chosen === undefined) throw new CliError(`error: cannot locate context ${name}`);
  return {
    ...config,
    "current-context": name,
    contexts: [chosen],
    clusters: config.clusters.filter((one) => one.name === chosen.context.cluster),
    users: config.users.filter((one) => one.name === chosen.context.user),
  };
}

function withoutSecrets(config: KubeconfigFile): KubeconfigFile {
  const hidden = <T extends object>(value: T): T =>
    Object.fromEntries(
      Object.entries(value).map(([key, member]) => {
        if (key.endsWith("-data")) return [key, "DATA+OMITTED"];
        return [key, key === "token" || key === "password" ? "REDACTED" : member];
      }),
    ) as T;
  return {
    ...config,
    clusters: config.clusters.map((one) => ({ ...one, cluster: hidden(one.cluster) })),
    users: config.users.map((one) => ({ ...one, user: hidden(one.user) })),
  };
}
