/** Flags and habits of commands that change objects. */

import { CliError } from "../cli-error.ts";
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
    }),
    bare: "client",
  };
}

/** --validate: what the server does with fields that it does not know. */
export function validate(): Flag<string> {
  return {
    ...string('"strict" (unknown fields are refused), "warn" or "ignore"', {
      initial: "strict",
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

/** @throws CliError when --dry-run or --validate has a word that is none of its own */
export function checkWriteFlags(flags: Readonly<Record<string, unknown>>): void {
  const { "dry-run": dry = "none", validate: checks = "strict" } = flags;
  if (typeof dry === "string" && !["none", "client", "server"].includes(dry))
    throw new CliError(`error: Invalid dry-run value (${dry}). Must be "none", "server", or "client".`);
  if (typeof checks === "string" && VALIDATION[checks] === undefined) {
    throw new CliError(
      `error: invalid - validate option ${JSON.stringify(checks)}; must be one of: strict (or true), warn, ignore (or false)`,
    );
  }
}

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
