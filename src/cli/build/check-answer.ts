/** The answers of `--check` and `--call`, as text or JSON. */
import { sourceExcerpt } from "../../lib/source-excerpt.ts";
import type { SourceRange } from "../../model/build.ts";
import type { BuildWish } from "../../model/build-exchange.ts";
import { CliError } from "../cli-error.ts";
import { indentJson } from "../indent-json.ts";

export interface Method {
  onlyCheck: BuildWish["onlyCheck"] | undefined;
  isJson: boolean;
}

const CHECKS: Record<string, NonNullable<BuildWish["onlyCheck"]>> = {
  check: "lint",
  lint: "lint",
  outline: "outline",
  targets: "targets",
};

/** `--call` and `--check`: what to do instead of building. Throws CliError. */
export function readMethod(flags: { call: string; check: boolean }): Method {
  const [name = "", ...settings] = flags.call.split(",");
  const isJson = settings.some((setting) => setting === "format=json");
  for (const setting of settings) {
    if (!/^(format=(json|text)|ignorestatus(=true)?)$/.test(setting)) {
      throw new CliError(`invalid setting ${setting} of --call: there is format=json`);
    }
  }
  if (flags.check && name !== "build" && CHECKS[name] !== "lint") {
    throw new CliError(`--check and --call=${name} ask for different things: give one of them`);
  }
  if (flags.check) return { onlyCheck: "lint", isJson };
  if (name === "" || name === "build") return { onlyCheck: undefined, isJson };
  const onlyCheck = CHECKS[name];
  if (onlyCheck === undefined)
    throw new CliError(`unknown method ${name} of --call: there are build, check, outline, targets`);
  return { onlyCheck, isJson };
}

interface Location {
  ranges?: SourceRange[];
}
interface LintAnswer {
  warnings: { ruleName: string; description: string; detail: string; url?: string; location: Location }[] | null;
  sources: { filename: string; data: string }[];
  buildError?: { message: string; location: Location };
}

/** The text to print, and whether the command failed. */
export function answerText(method: Method, answer: Record<string, unknown>): { text: string; isFailure: boolean } {
  const lint = method.onlyCheck === "lint" ? (answer as unknown as LintAnswer) : undefined;
  const isFailure = lint !== undefined && ((lint.warnings?.length ?? 0) > 0 || lint.buildError !== undefined);
  if (method.isJson) return { text: `${indentJson(JSON.stringify(answer), "  ")}\n`, isFailure };
  if (lint) return { text: lintText(lint), isFailure };
  const rows = method.onlyCheck === "outline" ? outlineText(answer) : targetsText(answer);
  return { text: rows, isFailure };
}

function lintText({ warnings, sources, buildError }: LintAnswer): string {
  const found = warnings ?? [];
  const count = `${found.length} ${found.length === 1 ? "warning has" : "warnings have"} been found!`;
  const parts = [found.length === 0 ? "Check complete, no warnings found.\n" : `Check complete, ${count}\n`];
  for (const { ruleName, detail, url, location } of found) {
    parts.push(`\nWARNING: ${ruleName}${url ? ` - ${url}` : ""}\n${detail}\n${excerptOf(sources, location)}`);
  }
  if (buildError) parts.push(`\nERROR: ${buildError.message}\n${excerptOf(sources, buildError.location)}`);
  return parts.join("");
}

function excerptOf(sources: LintAnswer["sources"], { ranges = [] }: Location): string {
  const [source] = sources;
  if (source === undefined || ranges.length === 0) return "";
  return sourceExcerpt({ file: source.filename, text: Buffer.from(source.data, "base64"), ranges });
}

interface OutlineAnswer {
  name?: string;
  description?: string;
  args?: { name: string; description?: string; value?: string }[];
  secrets?: { name: string; required?: boolean }[];
  ssh?: { name: string; required?: boolean }[];
}

/** The target's words, then a table each of what it takes. */
function outlineText(answer: Record<string, unknown>): string {
  const { name, description, args, secrets, ssh } = answer as OutlineAnswer;
  const parts: string[] = [];
  if (name || description) {
    const words: [string, string][] = [
      ["TARGET", name ?? ""],
      ["DESCRIPTION", description ?? ""],
    ];
    parts.push(columns(words.filter(([, value]) => value !== "").map(([title, value]) => [`${title}:`, value])));
  }
  if (args) {
    const rows = args.map((arg) => [arg.name, arg.value ?? "", arg.description ?? ""]);
    parts.push(columns([["BUILD ARG", "VALUE", "DESCRIPTION"], ...rows]));
  }
  const asked = (title: string, list: { name: string; required?: boolean }[]) =>
    columns([[title, "REQUIRED"], ...list.map((item) => [item.name, item.required ? "true" : ""])]);
  if (secrets) parts.push(asked("SECRET", secrets));
  if (ssh) parts.push(asked("SSH", ssh));
  return parts.join("\n");
}

function targetsText(answer: Record<string, unknown>): string {
  const { targets = [] } = answer as { targets?: { name?: string; description?: string; default?: boolean }[] };
  const rows = targets.map(({ name = "", description = "", default: isDefault }) => [
    isDefault ? `${name} (default)`.trimStart() : name,
    description,
  ]);
  return columns([["TARGET", "DESCRIPTION"], ...rows]);
}

const GAP = 3;

/** Rows in columns; the last one is not filled up. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)) + GAP);
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => (column < row.length - 1 ? cell.padEnd(widths[column]!) : cell))
          .join("")
          .trimEnd()}\n`,
    )
    .join("");
}
