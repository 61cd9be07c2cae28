import { compileTemplate, type Template } from "../lib/go-template/template.ts";
import { CliError } from "./cli-error.ts";
import type { CommandContext } from "./command.ts";
import { indentJson } from "./indent-json.ts";
import { typedView } from "./typed-view.ts";

/** An object that was found: its kind, and the daemon's JSON as it came. */
export interface InspectedObject {
  kind: string;
  json: string;
}

const BAD_TEMPLATE_EXIT_CODE = 64;

/**
 * Prints objects as `docker inspect` does: as one JSON array, or through a template with a line for each. Names that
 * cannot be found are told at the end, and make the exit code 1.
 */
export async function printInspected(
  context: CommandContext,
  names: readonly string[],
  format: string,
  find: (name: string) => Promise<InspectedObject>,
): Promise<void> {
  const isJson = format === "" || format === "json";
  const template = isJson ? undefined : parseInspectTemplate(format);
  const failures: string[] = [];
  const parts: string[] = [];
  for (const name of names) {
    try {
      const object = await find(name);
      parts.push(template ? `${inspectText(template, format, object)}\n` : object.json.trim());
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failures.push(error.message);
    }
  }
  if (template) context.print(parts.join("") || "\n");
  else context.print(arrayText(parts, format));
  if (failures.length > 0) throw new CliError(failures.join("\n"));
}

/** Parses the text of an inspect command's `--format`. Throws CliError with exit code 64 as docker does. */
function parseInspectTemplate(format: string): Template {
  try {
    return compileTemplate(format);
  } catch (error) {
    throw new CliError(`template parsing error: ${(error as Error).message}`, BAD_TEMPLATE_EXIT_CODE);
  }
}

/** Runs the template over docker's types, and where they do not fit over the plain JSON, whose words then count. */
function inspectText(template: Template, format: string, object: InspectedObject): string {
  const json = parseJsonExactly(object.json);
  try {
    return template.execute(typedView(json, object.kind));
  } catch {
    try {
      return compileTemplate(format, { missingKey: "error" }).execute(json);
    } catch (error) {
      throw new CliError(`template parsing error: ${(error as Error).message}`);
    }
  }
}

/** Parses JSON with whole numbers beyond 2^53 kept exact. */
export function parseJsonExactly(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context?.source
      ? BigInt(context.source)
      : value,
  );
}

function arrayText(objects: readonly string[], format: string): string {
  if (objects.length === 0) return "[]\n";
  return format === "json" ? `[${objects.join(",")}]\n` : `${indentJson(`[${objects.join(",")}]`)}\n`;
}
