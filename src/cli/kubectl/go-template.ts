/** -o go-template: Go's text/template over the object's JSON. */

import { compileTemplate as compile } from "../../lib/go-template/template.ts";
import { CliError } from "../cli-error.ts";
import type { ObjectPrinter } from "./output-format.ts";

/** Beside Go's own: kubectl's base64decode. */
const FUNCTIONS = {
  base64decode: {
    arity: 1,
    takes: ["string"] as const,
    call: (text: unknown) => Buffer.from(String(text), "base64").toString(),
  },
};

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
