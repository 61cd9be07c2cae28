/** How objects are printed: -o and what belongs to it. */

import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import { bool, string } from "../flag-types.ts";
import { goSyntax, goText } from "./go-syntax.ts";
import { parseJsonPath, relaxedPath } from "./json-path.ts";
import { JsonPathError } from "./json-path-parser.ts";
import { jsonText, sortedJsonText } from "./json-text.ts";
import { printedName, type ServedType } from "./resource-types.ts";
import { TableText } from "./table-text.ts";

/** Flags of commands that print the objects that they made or changed. */
export const PRINT_FLAGS = {
  "allow-missing-template-keys": bool("Fields that a template names and that are missing are printed as nothing", {
    initial: true,
  }),
  output: string(
    "How to print: json, yaml, name, go-template, go-template-file, template, templatefile, jsonpath, jsonpath-as-json, jsonpath-file",
    { short: "o" },
  ),
  "show-managed-fields": bool("Print metadata.managedFields too"),
  template: string("The template, or its file, for -o go-template and -o jsonpath"),
};
export interface PrintFlags {
  readonly "allow-missing-template-keys": boolean;
  readonly output: string;
  readonly "show-managed-fields": boolean;
  readonly template: string;
}

/** Prints whole objects; a list is an object too. */
export type ObjectPrinter = (object: unknown) => string;

const WITH_FILE = ["go-template-file", "templatefile", "jsonpath-file", "custom-columns-file"];
const OF_OBJECTS =
  "go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,yaml";
/** What `get` takes beside; the others print no tables. */
const OF_TABLES = "custom-columns,custom-columns-file,wide";

/** "jsonpath={.a}" is the format with its template. */
function split(output: string, template: string): { format: string; template: string } {
  const equals = output.indexOf("=");
  if (equals < 0) return { format: output, template };
  return { format: output.slice(0, equals), template: output.slice(equals + 1) };
}

/** True for formats that print objects as the server's tables. */
export const isTableFormat = (output: string): boolean => output === "" || output === "wide";

/** @throws CliError always: the format is none of this command's */
export function noPrinter(output: string, allowed = OF_OBJECTS): never {
  throw new CliError(
    `error: unable to match a printer suitable for the output format "${output}", allowed formats are: ${allowed}`,
  );
}

interface PrinterOptions {
  readonly withTables?: boolean;
  readonly keepOrder?: boolean;
  readonly withoutTitles?: boolean;
}

/**
 * The printer that -o names; undefined for tables and names, which need more than the object.
 * @param options `withTables` for `get`, which prints columns too; `keepOrder` for objects whose members are in the order of their declaration
 * @throws CliError for formats that are none
 */
export async function objectPrinter(
  flags: PrintFlags,
  { withTables = false, keepOrder = false, withoutTitles = false }: PrinterOptions = {},
): Promise<ObjectPrinter | undefined> {
  const output = flags.output === "" && flags.template !== "" ? "go-template" : flags.output;
  const { format: typed, template } = split(output, flags.template);
  const format = typed.toLowerCase();
  const allowed = withTables ? [OF_TABLES, OF_OBJECTS].join(",").split(",").sort().join(",") : OF_OBJECTS;
  if (format === "") return undefined;
  if (!allowed.split(",").includes(format)) noPrinter(flags.output, allowed);
  if (format === "wide" || format === "name") return undefined;
  const shown = (object: unknown) => (flags["show-managed-fields"] ? object : withoutManagedFields(object));
  if (format === "json") {
    return (object) => `${keepOrder ? jsonText(shown(object)) : sortedJsonText(shown(object))}\n`;
  }
  if (format === "yaml") {
    const { yamlText } = await import("./yaml-text.ts");
    return (object) => yamlText(shown(object));
  }
  if (format === "kyaml") {
    const { kyamlText } = await import("./kyaml-text.ts");
    return (object) => kyamlText(shown(object), keepOrder ? (names) => names : undefined);
  }
  const text = WITH_FILE.includes(format) ? await readTemplate(template) : template;
  if (text === "" && format.startsWith("custom-columns"))
    throw new CliError("error: custom-columns format specified but no custom columns given");
  if (text === "") throw new CliError("error: template format specified but no template given");
  const allowMissing = flags["allow-missing-template-keys"];
  if (format.startsWith("custom-columns")) return customColumns(text, format.endsWith("-file"), withoutTitles);
  if (format.startsWith("jsonpath")) return jsonPathPrinter(text, format === "jsonpath-as-json", allowMissing);
  const { compileTemplate } = await import("./go-template.ts");
  return compileTemplate(text, allowMissing);
}

async function readTemplate(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const why = isMissing ? `open ${path}: no such file or directory` : (error as Error).message;
    throw new CliError(`error: error reading --template ${path}, ${why}`);
  }
}

function jsonPathPrinter(template: string, asJson: boolean, allowMissing: boolean): ObjectPrinter {
  const complaint = (error: JsonPathError, object: unknown) =>
    new CliError(
      `error: error executing jsonpath ${JSON.stringify(template)}: Error executing template: ${error.message}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t${template}\n\tobject given to jsonpath engine was:\n\t\t${goSyntax(object)}\n\n`,
    );
  try {
    const parsed = parseJsonPath(template, allowMissing);
    return (object) => {
      try {
        if (asJson) return `${sortedJsonText(parsed.values(object))}\n`;
        return parsed.print(object);
      } catch (error) {
        throw error instanceof JsonPathError ? complaint(error, object) : error;
      }
    };
  } catch (error) {
    throw error instanceof JsonPathError
      ? new CliError(`error: error parsing jsonpath ${template}, ${error.message}`)
      : error;
  }
}

/** "NAME:.metadata.name,IMAGE:.spec.containers[*].image", or a file with a line of titles and a line of paths. */
function customColumns(text: string, isFile: boolean, withoutTitles: boolean): ObjectPrinter {
  const columns = isFile ? columnsOfFile(text) : text.split(",").map(columnOf);
  const ready = columns.map(({ title, path }) => ({ title, template: parseJsonPath(relaxedPath(path)) }));
  return (object) => {
    const items = (object as { items?: unknown[] }).items ?? [object];
    const table = new TableText(withoutTitles ? undefined : ready.map(({ title }) => title));
    for (const item of items) {
      table.add(
        ready.map(({ template }) => {
          const values = template.values(item);
          return values.length === 0
            ? "<none>"
            : values.map((value) => (value === null || value === "" ? "<none>" : goText(value))).join(",");
        }),
      );
    }
    return table.print();
  };
}

function columnOf(text: string): { title: string; path: string } {
  const colon = text.indexOf(":");
  if (colon < 0)
    throw new CliError(`error: unexpected custom-columns spec: ${text}, expected <header>:<json-path-expr>`);
  return { title: text.slice(0, colon), path: text.slice(colon + 1) };
}

function columnsOfFile(text: string): { title: string; path: string }[] {
  const [titles = "", paths = ""] = text.split("\n");
  const names = titles.trim().split(/\s+/);
  const found = paths.trim().split(/\s+/);
  if (names.length !== found.length) {
    throw new CliError("error: number of headers and field specifications don't match in the custom-columns file");
  }
  return names.map((title, at) => ({ title, path: found[at]! }));
}

/** `deployment.apps/web created` */
export function resultLine(type: ServedType, name: string, verb: string, dryRun: string): string {
  const suffix = dryRun === "client" ? " (dry run)" : dryRun === "server" ? " (server dry run)" : "";
  return `${printedName(type, name)} ${verb}${suffix}\n`;
}

function withoutManagedFields(object: unknown): unknown {
  const value = object as { metadata?: Record<string, unknown>; items?: unknown[] };
  if (typeof value !== "object" || value === null) return object;
  if (Array.isArray(value.items)) return { ...value, items: value.items.map(withoutManagedFields) };
  if (value.metadata?.managedFields === undefined) return object;
  const { managedFields, ...metadata } = value.metadata;
  return { ...value, metadata };
}
