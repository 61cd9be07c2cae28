import { CliError } from "../cli-error.ts";
import { bool, int, string, strings } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { GetView } from "./get-view.ts";
import { isTableFormat, objectPrinter, PRINT_FLAGS } from "./output-format.ts";
import { namedObjects } from "./resource-arguments.ts";

const FLAGS = {
  ...PRINT_FLAGS,
  output: string(
    "How to print: json, yaml, kyaml, name, wide, go-template, jsonpath, custom-columns and their -file forms, jsonpath-as-json",
    { short: "o" },
  ),
  "all-namespaces": bool("Objects of all namespaces", { short: "A" }),
  "chunk-size": int("How many objects are asked for at once; 0 for all", { initial: 500 }),
  "field-selector": string("Only objects with these fields, such as status.phase=Running"),
  filename: strings("Files, folders or addresses of objects", { short: "f" }),
  "ignore-not-found": bool("Objects that are not there are no failure"),
  kustomize: string("A kustomization", { short: "k" }),
  "label-columns": strings("Labels that get a column of their own", { short: "L" }),
  "no-headers": bool("Tables without titles"),
  "output-watch-events": bool("With --watch: each event, not only its object"),
  raw: string("A path of the API whose answer is printed as it is"),
  recursive: bool("Folders below those of -f too", { short: "R" }),
  selector: string("Only objects with these labels", { short: "l" }),
  "server-print": bool("Columns as the server knows them", { initial: true }),
  "show-kind": bool("Names with their type"),
  "show-labels": bool("A column of all labels"),
  "sort-by": string("A path whose value orders the objects, such as .metadata.name"),
  subresource: string("A part of the objects: status, scale"),
  watch: bool("Go on with every change", { short: "w" }),
  "watch-only": bool("Only changes, not what is there"),
};
export type GetFlags = { readonly [K in keyof typeof FLAGS]: ReturnType<(typeof FLAGS)[K]["initial"]> };

export const command = defineKubectlCommand({
  usage: "(TYPE[,TYPE] [NAME...] | TYPE/NAME ... | -f FILENAME) [options]",
  summary: "List objects",
  flags: FLAGS,
  async run({ flags, args, context }) {
    if (flags.raw !== "") {
      if (args.length > 0) throw new CliError("error: arguments may not be passed when --raw is specified");
      const { printRawAnswer } = await import("./raw-request.ts");
      await printRawAnswer(context, "GET", flags.raw);
      return;
    }
    checkFlags(flags);
    const { objects, types } = await namedObjects(context, args, flags);
    if (objects.length + types.length === 0 && args.length === 0 && flags.filename.length === 0 && !flags.kustomize)
      throw nothingNamed(context.program);
    if (objects.length > 0 && args.length > 0 && flags["all-namespaces"])
      throw new CliError("error: a resource cannot be retrieved by name across all namespaces");
    if (objects.length > 0 && args.length > 0 && (flags.selector !== "" || flags["field-selector"] !== ""))
      throw new CliError("error: name cannot be provided when a selector is specified");
    if (types.length > 0 && flags.subresource !== "")
      throw new CliError("error: subresource cannot be used when bulk resources are specified");
    const printer = await objectPrinter(flags, { withTables: true, withoutTitles: flags["no-headers"] });
    const isMixed = types.length + new Set(objects.map(({ type }) => type)).size > 1;
    const view = new GetView(context, flags, printer, isMixed);
    const all = types.map(({ type }) => type);
    if (!flags.watch && !flags["watch-only"]) return await view.show(objects, all);
    const { watchObjects } = await import("./get-watch.ts");
    await watchObjects(context, flags, printer, view, objects, all);
  },
});

function checkFlags(flags: GetFlags): void {
  if (flags["show-labels"] && !isTableFormat(flags.output) && flags.output !== "name")
    throw new CliError(`error: --show-labels option cannot be used with ${flags.output} printer`);
  if (flags["output-watch-events"] && !flags.watch && !flags["watch-only"])
    throw new CliError("error: --output-watch-events option can only be used with --watch or --watch-only");
}

function nothingNamed(program: string): CliError {
  return new CliError(
    `You must specify the type of resource to get. Use "${program} api-resources" for a complete list of supported resources.\n\nerror: Required resource not specified.\nUse "${program} explain <resource>" for a detailed description of that resource (e.g. ${program} explain pods).\nSee '${program} get -h' for help and examples`,
  );
}
