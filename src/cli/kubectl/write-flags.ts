/** Flags and habits of commands that change objects. */

import { string } from "../flag-types.ts";
import type { Flag } from "../flags.ts";
import type { KubectlContext } from "./declaration.ts";
import { objectPrinter, type PrintFlags, resultLine } from "./output-format.ts";
import { printedName, type ServedType } from "./resource-types.ts";

/** --dry-run alone means "client" was once meant; kubectl wants the word. */
export function dryRun(): Flag<string> {
  return {
    ...string('"none", "client" (only print what would be sent) or "server" (the server checks, and stores nothing)', {
      initial: "none",
      check(text) {
        if (!["none", "client", "server"].includes(text)) {
          throw new Error(`Invalid dry-run value (${text}). Must be "none", "server", or "client".`);
        }
      },
    }),
    bare: "client",
  };
}

/** --validate: what the server does with fields that it does not know. */
export function validate(): Flag<string> {
  return {
    ...string('"strict" (unknown fields are refused), "warn" or "ignore"', {
      initial: "strict",
      check(text) {
        if (VALIDATION[text] === undefined) throw new Error(`must be one of strict (or true), warn, ignore (or false)`);
      },
    }),
    bare: "strict",
  };
}
const VALIDATION: Record<string, string> = {
  strict: "Strict",
  true: "Strict",
  warn: "Warn",
  ignore: "Ignore",
  false: "Ignore",
};

/** The queries that go with a write. */
export function writeQuery(flags: { "dry-run": string; "field-manager"?: string; validate?: string }) {
  return {
    fieldManager: flags["field-manager"] || "kubectl",
    ...(flags.validate === undefined ? {} : { fieldValidation: VALIDATION[flags.validate]! }),
    ...(flags["dry-run"] === "server" ? { dryRun: "All" } : {}),
  };
}

/** Uses of a command that have printed YAML: what follows stands behind a line of dashes. */
const begun = new WeakSet<KubectlContext>();

/** Tells what became of an object: a line such as `pod/web created`, or the object itself with -o. */
export async function tellResult(
  context: KubectlContext,
  flags: PrintFlags & { "dry-run": string },
  type: ServedType,
  object: { metadata?: { name?: string } },
  verb: string,
  keepOrder = false,
): Promise<void> {
  const name = object.metadata?.name ?? "";
  if (flags.output === "name") {
    context.print(`${printedName(type, name)}\n`);
    return;
  }
  const printer = await objectPrinter(flags, { keepOrder });
  if (printer !== undefined) {
    const isNext = flags.output.toLowerCase() === "yaml" && begun.has(context);
    begun.add(context);
    context.print(`${isNext ? "---\n" : ""}${printer(object)}`);
  } else context.print(resultLine(type, name, verb, flags["dry-run"]));
}
