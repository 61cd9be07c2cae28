import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { jsonText } from "./json-text.ts";
import { PATH_FIELDS, resolvedEntry } from "./kubeconfig/file-paths.ts";
import { KubeconfigFiles } from "./kubeconfig/files.ts";
import {
  type Kubeconfig,
  type KubeconfigEntry,
  kubeconfigObject,
  type Members,
  type Section,
} from "./kubeconfig/model.ts";
import { noPrinter, objectPrinter, PRINT_FLAGS } from "./output-format.ts";

export const command = defineKubectlCommand({
  usage: "[flags] [options]",
  summary: "Show the kubeconfig",
  flags: {
    ...PRINT_FLAGS,
    flatten: bool("With the content of the files that it names, so that it stands on its own"),
    merge: bool("All files as one (--merge=false: the one of --kubeconfig)", { initial: true }),
    minify: bool("Only what the chosen context needs"),
    output: string("How to print: yaml, json, kyaml, go-template, jsonpath and their -file forms", {
      short: "o",
      initial: "yaml",
    }),
    raw: bool("Certificates, keys and tokens too"),
  },
  async run({ flags, args, context, given }) {
    if (args.length > 0) {
      throw new CliError(
        `error: unexpected arguments: [${args.join(" ")}]\nSee '${context.program} config view -h' for help and examples`,
      );
    }
    const files = new KubeconfigFiles(context.kubeconfig.path);
    if (!flags.merge && files.explicit === "")
      throw new CliError("error: if merge==false a precise file must be specified");
    let config = await files.read();
    if (flags.minify) config = minified(config, context.kubeconfig.context || config.current);
    if (flags.flatten) config = await flattened(config);
    else if (!flags.raw) config = withoutSecrets(config);
    const output = given("output") || flags.template === "" ? flags.output : "go-template";
    await show(context, { ...flags, output }, config);
  },
});

async function show(
  context: KubectlContext,
  flags: Parameters<typeof objectPrinter>[0],
  config: Kubeconfig,
): Promise<void> {
  const object = kubeconfigObject(config);
  if (flags.output === "json") return context.print(`${jsonText(object)}\n`);
  if (flags.output === "name") return context.print("config/<unknown>\n");
  if (flags.output === "kyaml") {
    const { kyamlText } = await import("./kyaml-text.ts");
    return context.print(kyamlText(object, (names) => names));
  }
  const printer = (await objectPrinter(flags)) ?? noPrinter(flags.output);
  context.print(printer(object));
}

function minified(config: Kubeconfig, name: string): Kubeconfig {
  const chosen = config.contexts.get(name);
  if (name === "") throw new CliError("error: current-context must exist in order to minify");
  if (chosen === undefined) throw new CliError(`error: cannot locate context ${name}`);
  const only = (section: Section, wanted: unknown) => {
    if (typeof wanted !== "string" || wanted === "") return new Map<string, KubeconfigEntry>();
    const entry = config[section].get(wanted);
    if (entry === undefined) throw new CliError(`error: cannot locate ${section.slice(0, -1)} ${wanted}`);
    return new Map([[wanted, entry]]);
  };
  return {
    ...config,
    current: name,
    contexts: new Map([[name, chosen]]),
    clusters: only("clusters", chosen.value.cluster),
    users: only("users", chosen.value.user),
  };
}

/** The content of files in the place of their paths; a token's file stays where it is, as it changes. */
async function flattened(config: Kubeconfig): Promise<Kubeconfig> {
  const each = async (section: Section) => {
    const entries: [string, KubeconfigEntry][] = [];
    for (const [name, entry] of config[section]) {
      entries.push([name, { ...entry, value: await withContents(section, entry) }]);
    }
    return new Map(entries);
  };
  return { ...config, clusters: await each("clusters"), users: await each("users") };
}

async function withContents(section: Section, entry: KubeconfigEntry): Promise<Members> {
  const paths = resolvedEntry(section, entry).value;
  const value = { ...entry.value };
  for (const field of PATH_FIELDS[section]) {
    const path = paths[field];
    if (field === "tokenFile" || typeof path !== "string" || path === "") continue;
    if (!value[`${field}-data`]) value[`${field}-data`] = (await contentOf(path)).toString("base64");
    delete value[field];
  }
  return value;
}

async function contentOf(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CliError(`error: open ${path}: ${isMissing ? "no such file or directory" : (error as Error).message}`);
  }
}

function withoutSecrets(config: Kubeconfig): Kubeconfig {
  const hidden = (entries: ReadonlyMap<string, KubeconfigEntry>) =>
    new Map([...entries].map(([name, entry]) => [name, { ...entry, value: hiddenMembers(entry.value) }]));
  return { ...config, clusters: hidden(config.clusters), users: hidden(config.users) };
}

const hiddenMembers = (value: Members): Members =>
  Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      if (typeof member !== "string" || member === "") return [key, member];
      if (key.endsWith("-data")) return [key, "DATA+OMITTED"];
      return [key, key === "token" || key === "password" ? "REDACTED" : member];
    }),
  );
