import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { bool, string, strings } from "../flag-types.ts";
import { sameJson } from "./apply-patch.ts";
import { type ChoiceFlags, chosenObjects } from "./chosen-objects.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { onEach } from "./failures.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS, type PrintFlags } from "./output-format.ts";
import { withOverrides } from "./overrides.ts";
import { namedObjects, objectPath } from "./resource-arguments.ts";
import { dryRun, tellResult, writeQuery } from "./write-flags.ts";

const TYPES: Record<string, string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
};

export const command = defineKubectlCommand({
  usage: "(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE] [options]",
  summary: "Change single fields of objects",
  flags: {
    ...PRINT_FLAGS,
    "dry-run": dryRun(),
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-patch" }),
    filename: strings("Files, folders or addresses of objects", { short: "f" }),
    kustomize: string("A kustomization", { short: "k" }),
    local: bool("Only change what -f names, without asking the server"),
    patch: string("The patch, as JSON or YAML", { short: "p" }),
    "patch-file": string("A file of the patch"),
    recursive: bool("Folders below those of -f too", { short: "R" }),
    subresource: string("A part of the object: status, scale, resize"),
    type: string("json, merge or strategic", { initial: "strategic" }),
  },
  async run({ flags, args, context }) {
    const contentType = TYPES[flags.type];
    if (contentType === undefined)
      throw new CliError(`error: --type must be one of [json merge strategic], not "${flags.type}"`);
    if (flags.patch !== "" && flags["patch-file"] !== "")
      throw new CliError("error: cannot specify --patch and --patch-file together");
    if (flags.patch === "" && flags["patch-file"] === "")
      throw new CliError("error: must specify --patch or --patch-file containing the contents of the patch");
    if (flags.local && args.length > 0) throw new CliError("error: cannot specify --local and server resources");
    const body = parsePatch(flags.patch || (await read(flags["patch-file"])));
    if (flags.local) return await patchLocally(context, flags, body);
    const { objects, types } = await namedObjects(context, args, flags);
    if (types.length > 0 || objects.length === 0)
      throw new CliError("error: resource(s) were provided, but no name was specified");
    const api = await context.api();
    const isPart = flags.subresource === "scale";
    await onEach(objects, async (target) => {
      const path = objectPath(target, flags.subresource || undefined);
      const before = await api.get<KubeManifestObject>(path);
      const query = writeQuery(flags["dry-run"] === "client" ? { ...flags, "dry-run": "server" } : flags);
      const after = await api.json<KubeManifestObject>("PATCH", path, { body, contentType, query });
      const isSame = sameJson(before, after);
      const type = isPart ? { ...target.type, group: "autoscaling", singular: "scale" } : target.type;
      const verb = isSame ? "patched (no change)" : "patched";
      await tellResult(context, { ...flags, "dry-run": "none" }, type, after, verb);
    });
  },
});

/** What the file says, patched, without asking the server. */
async function patchLocally(
  context: KubectlContext,
  flags: Omit<ChoiceFlags, "all" | "selector"> & PrintFlags & { readonly type: string },
  body: unknown,
): Promise<void> {
  for (const { object, target } of await chosenObjects(context, [], { ...flags, all: false, selector: "" }, [])) {
    const options = { overrides: JSON.stringify(body), "override-type": flags.type };
    const after = withOverrides(object, options);
    const verb = sameJson(object, after) ? "patched (no change)" : "patched";
    await tellResult(context, { ...flags, "dry-run": "none" }, target.type, after, verb);
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const why = isMissing ? `open ${path}: no such file or directory` : (error as Error).message;
    throw new CliError(`error: unable to read patch file: ${why}`);
  }
}

function parsePatch(text: string): unknown {
  try {
    return Bun.YAML.parse(text);
  } catch (error) {
    throw new CliError(`error: unable to parse ${JSON.stringify(text)}: ${(error as Error).message}`);
  }
}
