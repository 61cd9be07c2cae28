/** -o go-template: Go's text/template over the object's JSON. */

import { compileTemplate as compile } from "../../lib/go-template/template.ts";
import { CliError } from "../cli-error.ts";
import type { ObjectPrinter } from "./output-format.ts";

/** Beside Go's own: kubectl's base64decode and exists. */
const FUNCTIONS = {
  exists: {
    arity: 1,
    variadic: true,
    call: (value: unknown, ...keys: unknown[]) => isThere(value, keys),
  },
  base64decode: {
    arity: 1,
    takes: ["string"] as const,
    call: (text: unknown) => Buffer.from(String(text), "base64").toString(),
  },
};

/** True when the value has a member of the first key, that one a member of the second, and so on. */
function isThere(value: unknown, keys: readonly unknown[]): boolean {
  let here = value;
  for (const key of keys) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, String(key))) return false;
    here = (here as Record<string, unknown>)[String(key)];
  }
  return true;
}

/** @throws CliError */
export function compileTemplate(text: string, allowMissing: boolean): ObjectPrinter {
  try {
    const template = compile(text, {
      name: "output",
      functions: FUNCTIONS,
      ...(allowMissing ? {} : { missingKey: "error" as const }),
    });
    return (object) => {
      try {
        return template.execute(object);
      } catch (error) {
        throw new CliError(`error: error executing template ${JSON.stringify(text)}: ${(error as Error).message}`);
      }
    };
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`error: error parsing template ${text}, ${(error as Error).message}`);
  }
}
