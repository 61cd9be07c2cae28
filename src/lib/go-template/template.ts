import { executeTemplate } from "./execute.ts";
import { BUILTINS, DOCKER_FUNCTIONS, type FunctionTable } from "./functions.ts";
import { parseTemplate } from "./parse.ts";
import type { GoValue } from "./values.ts";

/** A parsed template, ready to be run over any number of values. */
export interface Template {
  /** The text for `data`. Throws TemplateError where the template asks for what `data` does not have. */
  execute(data: GoValue): string;
}

interface TemplateOptions {
  /** Functions that are added, or take the place of others. */
  functions?: FunctionTable;
  /** The name in errors; docker's templates have none. */
  name?: string;
  /** `error` fails for a key that a map lacks. */
  missingKey?: "error";
}

/** Parses a template of Go's text/template with docker's functions. Throws TemplateError. */
export function compileTemplate(source: string, options: TemplateOptions = {}): Template {
  const { functions: extra, name = "", missingKey } = options;
  const functions: FunctionTable = { ...BUILTINS, ...DOCKER_FUNCTIONS, ...extra };
  const set = parseTemplate(name, source, new Set(Object.keys(functions)));
  return { execute: (data) => executeTemplate(set, functions, source, name, data, { missingKey }) };
}
