import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { UsageError } from "./help-error.ts";
import { groupVersion, qualified, type ServedType } from "./resource-types.ts";
import { TableText } from "./table-text.ts";

const ORDERS: Record<string, (type: ServedType) => string> = {
  "": ({ group, resource }) => `${group}\n${resource}`,
  name: ({ resource }) => resource,
  kind: ({ kind }) => kind,
};

export const command = defineKubectlCommand({
  usage: "[options]",
  summary: "List the types that the server knows",
  flags: {
    "api-group": string("Only this group"),
    cached: bool("", { hidden: true }),
    categories: strings("Only resources of these categories"),
    namespaced: bool("Only resources in namespaces (false: only others)", { initial: true }),
    "no-headers": bool("Without titles"),
    output: string("wide or name", { short: "o" }),
    "sort-by": string("name or kind"),
    verbs: strings("Only resources with these verbs"),
  },
  async run({ flags, args, given, context }) {
    if (args.length > 0) throw new UsageError(`error: unexpected arguments: [${args.join(" ")}]`);
    const order = ORDERS[flags["sort-by"]];
    if (order === undefined) throw new CliError(`error: --sort-by accepts only name or kind`);
    if (!["", "wide", "name"].includes(flags.output))
      throw new CliError(`error: --output ${flags.output} is not available`);
    const { verbs, categories } = flags;
    const shown = (await context.types()).all
      .filter(
        (type) =>
          (!given("api-group") || type.group === flags["api-group"]) &&
          (!given("namespaced") || type.namespaced === flags.namespaced) &&
          type.isPreferred &&
          verbs.every((verb) => type.verbs.includes(verb)) &&
          categories.every((category) => type.categories.includes(category)),
      )
      .sort((one, other) => (order(one) < order(other) ? -1 : 1));
    if (flags.output === "name") {
      context.print(shown.map((type) => `${qualified(type)}\n`).join(""));
      return;
    }
    const isWide = flags.output === "wide";
    const titles = [
      "NAME",
      "SHORTNAMES",
      "APIVERSION",
      "NAMESPACED",
      "KIND",
      ...(isWide ? ["VERBS", "CATEGORIES"] : []),
    ];
    const table = new TableText(flags["no-headers"] ? undefined : titles);
    for (const type of shown) {
      table.add([
        type.resource,
        type.shortNames.join(","),
        groupVersion(type),
        String(type.namespaced),
        type.kind,
        ...(isWide ? [[...type.verbs].sort().join(","), type.categories.join(",")] : []),
      ]);
    }
    context.print(table.print());
  },
});
