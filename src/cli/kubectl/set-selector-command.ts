import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { NOTHING_NAMED } from "./chosen-objects.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { changeObjects, SET_FLAGS } from "./pod-spec-change.ts";

const { selector, kustomize, recursive, ...FLAGS } = SET_FLAGS;

export const command = defineKubectlCommand({
  usage: "(-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version] [options]",
  summary: "Set the selector on a resource",
  flags: {
    ...FLAGS,
    recursive: bool("Folders below those of -f too", { short: "R", initial: true }),
    "resource-version": string("Only where the object has this version"),
  },
  async run({ flags, args, context }) {
    const last = args.at(-1);
    if (last === undefined) throw new CliError("error: one selector is required");
    if (args.length < 2 && flags.filename.length === 0) throw new CliError(NOTHING_NAMED);
    const pairs = matchLabels(last);
    await changeObjects(
      context,
      args.slice(0, -1),
      { ...flags, selector: "" },
      {
        change(object) {
          if (object.kind !== "Service") throw new CliError("error: setting a selector is only supported for Services");
          object.spec = { ...(object.spec as object), selector: pairs };
          const version = flags["resource-version"];
          if (version !== "") object.metadata = { ...object.metadata, resourceVersion: version };
          return [];
        },
        verb: "selector updated",
      },
    );
  },
});

const EXPRESSIONS: readonly [RegExp, string][] = [
  [/^(\S+) in \((.*)\)$/, "In"],
  [/^(\S+) notin \((.*)\)$/, "NotIn"],
  [/^(\S+)!=(\S*)$/, "NotIn"],
  [/^!(\S+)()$/, "DoesNotExist"],
  [/^(\S+)()$/, "Exists"],
];

/** "app=web,tier=front". @throws CliError for expressions that are no pairs */
function matchLabels(text: string): Record<string, string> {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const expressions: string[] = [];
  const pairs = parts.flatMap((part): [string, string][] => {
    const pair = /^([^=!<>() ]+)==?([^=]*)$/.exec(part);
    if (pair !== null) return [[pair[1]!, pair[2]!]];
    for (const [pattern, operator] of EXPRESSIONS) {
      const found = pattern.exec(part);
      if (found === null) continue;
      expressions.push(`{${found[1]} ${operator} [${found[2]!.split(",").join(" ")}]}`);
      return [];
    }
    throw new CliError(`error: couldn't parse the selector string ${JSON.stringify(text)}`);
  });
  if (expressions.length > 0)
    throw new CliError(`error: match expression [${expressions.join(" ")}] not supported on this object`);
  return Object.fromEntries(pairs);
}
