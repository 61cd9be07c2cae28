import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { schemaOfVersion2, schemaOfVersion3 } from "./explain/schema-documents.ts";
import { schemaHeading, schemaText } from "./explain/schema-text.ts";
import { schemaTextOfVersion2 } from "./explain/schema-text-v2.ts";
import { groupVersion, qualified, type ServedType } from "./resource-types.ts";

const FORMATS = ["plaintext", "plaintext-openapiv2"];

export const command = defineKubectlCommand({
  usage:
    "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2] [options]",
  summary: "Tell what the fields of a type mean",
  description: "Tell the fields of a kind, or what stands below one of them: TYPE.FIELD.FIELD",
  flags: {
    "api-version": string("The group and version that are meant, such as apps/v1"),
    output: string(`The form: ${FORMATS.join(" or ")}`, { short: "o", initial: "plaintext" }),
    recursive: bool("All fields below, without their descriptions"),
  },
  async run({ flags, args, context }) {
    const [word, ...more] = args;
    if (word === undefined) {
      throw new CliError(
        `error: You must specify the type of resource to explain. Use "${context.program} api-resources" for a complete list of supported resources.`,
      );
    }
    if (more.length > 0) throw new CliError("error: We accept only this format: explain RESOURCE");
    const { type, path } = await typeAndPath(context, word, flags["api-version"]);
    if (!FORMATS.includes(flags.output)) throw new CliError(`error: unrecognized format: ${flags.output}`);
    const api = await context.api();
    if (flags.output === "plaintext-openapiv2") {
      context.print(schemaTextOfVersion2(await schemaOfVersion2(api, type), type, path, flags.recursive));
      return;
    }
    const document = await schemaOfVersion3(api, type);
    context.print(schemaHeading(type));
    context.print(schemaText(document, path, flags.recursive));
  },
});

/** "pods.spec.containers", "deployments.apps.spec": the longest name of a type at the start is the type. */
async function typeAndPath(
  context: KubectlContext,
  word: string,
  apiVersion: string,
): Promise<{ type: ServedType; path: string[] }> {
  const [first = "", ...fields] = word.split(".");
  if (first === "" || /[[\]*{}()]/.test(word))
    throw new CliError("error: invalid jsonpath syntax, first node must be field node");
  const types = await context.types();
  const found = typeNamed(types.all, first.toLowerCase());
  if (found === undefined) throw new CliError(`the server doesn't have a resource type "${first}"`);
  const full = qualified(found);
  const isQualified = found.group !== "" && (word === full || word.startsWith(`${full}.`));
  const path = (isQualified ? word.slice(full.length).split(".") : fields).filter((name) => name !== "");
  return { type: apiVersion === "" ? found : inVersion(types.all, found, apiVersion), path };
}

function typeNamed(all: readonly ServedType[], name: string): ServedType | undefined {
  const preferred = all.filter(({ isPreferred }) => isPreferred);
  return (
    preferred.find(({ resource }) => resource === name) ??
    preferred.find(({ singular, kind }) => singular === name || kind.toLowerCase() === name) ??
    preferred.find(({ shortNames }) => shortNames.includes(name))
  );
}

function inVersion(all: readonly ServedType[], found: ServedType, apiVersion: string): ServedType {
  const [version = "", group = "", ...more] = apiVersion.split("/").reverse();
  if (more.length > 0) throw new CliError(`error: unexpected GroupVersion string: ${apiVersion}`);
  const isThere = all.some((type) => groupVersion(type) === apiVersion);
  const type = all.find((one) => groupVersion(one) === apiVersion && one.resource === found.resource);
  if (type !== undefined) return type;
  throw new CliError(
    isThere
      ? `error: GVR (${apiVersion}, Resource=${found.resource}) not found in OpenAPI schema`
      : `error: couldn't find resource for "${group}/${version}, Resource=${found.resource}"`,
  );
}
