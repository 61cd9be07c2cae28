import type { FunctionTable } from "../lib/go-template/functions.ts";
import { jsonText } from "../lib/go-template/json.ts";
import { plainText } from "../lib/go-template/print.ts";
import { compileTemplate } from "../lib/go-template/template.ts";
import { GoObject, type GoValue } from "../lib/go-template/values.ts";
import { CliError } from "./cli-error.ts";
import type { CommandContext } from "./command.ts";
import { alignColumns } from "./tabwriter.ts";

/** A field of a row: its column header (docker has none for some, and prints `<no value>`), and its value, which the template may give arguments (`.Label "x"`). */
export interface Field<T> {
  readonly header?: string;
  value(row: T, ...args: string[]): GoValue;
  /** True for fields that need an argument; they are left out of JSON. */
  readonly takesArgument?: boolean;
}

/** How the rows of one kind of object are shown. */
export interface RowKind<T> {
  /** The name in errors, such as `*formatter.ContainerContext`. */
  readonly typeName: string;
  readonly fields: Readonly<Record<string, Field<T>>>;
  /** The template of the default table, without the word `table`. */
  readonly table: string;
  /** What `--quiet` prints of each row. */
  readonly quiet?: string;
  /** What `--format raw` prints of each row. */
  readonly raw?: string;
}

interface RowOptions {
  /** The text of `--format`, or of the configuration file; empty for the default table. */
  format: string;
  quiet?: boolean;
  /** What errors begin with; docker's `ps` alone tells bad syntax from bad fields. */
  complaints?: { parse: string; execute: string };
}

/** Prints rows as a table, as JSON lines, or by a template. Throws CliError for templates that do not fit. */
export function printRows<T>(context: CommandContext, kind: RowKind<T>, rows: readonly T[], options: RowOptions): void {
  context.print(rowsText(kind, rows, options));
}

/** The text that `printRows` prints. */
export function rowsText<T>(kind: RowKind<T>, rows: readonly T[], options: RowOptions): string {
  const { source, isTable } = chooseTemplate(kind, options);
  const columns = isTable ? plainColumns(kind, source) : undefined;
  if (columns) return plainTable(rows, columns);
  const complaints = options.complaints ?? { parse: "template parsing error", execute: "template parsing error" };
  const template = orFail(complaints.parse, () => compileTemplate(source));
  const lines = rows.map((row) => orFail(complaints.execute, () => `${template.execute(rowObject(kind, row))}\n`));
  if (!isTable) return lines.join("");
  const header = compileTemplate(source, { functions: HEADER_FUNCTIONS }).execute(headerObject(kind));
  return alignColumns(`${header}\n${lines.join("")}`);
}

/**
 * The fields of a table whose columns are a field each, or a field and what stands for it where it is empty, as the
 * default ones are; undefined for any other.
 */
function plainColumns<T>(kind: RowKind<T>, source: string): Field<T>[] | undefined {
  const columns: Field<T>[] = [];
  for (const cell of source.split("\t")) {
    const [, alone, orElse, instead] = PLAIN_CELL.exec(cell) ?? [];
    const name = alone ?? orElse ?? "";
    const field = Object.hasOwn(kind.fields, name) ? kind.fields[name] : undefined;
    if (!field || field.takesArgument) return undefined;
    columns.push(orElse === undefined ? field : { ...field, value: (row) => field.value(row) || instead });
  }
  return columns;
}

const PLAIN_CELL = /^\{\{(?:\.(\w+)|if \.(\w+) \}\}\{\{\.\2\}\}\{\{else\}\}([^{}]*)\{\{end)\}\}$/;

/** What the template of these columns gives, in a fraction of the time: a template's code is cold at every start. */
function plainTable<T>(rows: readonly T[], columns: readonly Field<T>[]): string {
  const line = (values: GoValue[]) => `${values.map(cellText).join("\t")}\n`;
  const lines = rows.map((row) => line(columns.map((field) => field.value(row))));
  return alignColumns(line(columns.map(({ header }) => header)) + lines.join(""));
}

function cellText(value: GoValue): string {
  return value === undefined || value === null ? "<no value>" : plainText(value);
}

function chooseTemplate<T>(kind: RowKind<T>, { format, quiet }: RowOptions): { source: string; isTable: boolean } {
  if (format === "" || format === "table") {
    return quiet && kind.quiet ? { source: kind.quiet, isTable: false } : { source: kind.table, isTable: true };
  }
  if (format === "json") return { source: "{{json .}}", isTable: false };
  if (format === "raw" && kind.raw) return { source: quiet && kind.quiet ? kind.quiet : kind.raw, isTable: false };
  const isTable = format.startsWith("table");
  const source = (isTable ? format.slice("table".length) : format).replace(/^ +| +$/g, "");
  return { source: source.replaceAll("\\t", "\t").replaceAll("\\n", "\n"), isTable };
}

/** A row as templates see it. */
export function rowObject<T>(kind: RowKind<T>, row: T): GoObject {
  const methods: Record<string, (...args: GoValue[]) => GoValue> = {};
  for (const [name, field] of Object.entries(kind.fields)) {
    methods[name] = field.takesArgument
      ? (argument: GoValue) => field.value(row, String(argument))
      : () => field.value(row);
  }
  return new GoObject(kind.typeName, methods, () => rowJson(kind, row));
}

function rowJson<T>(kind: RowKind<T>, row: T): string {
  const names = Object.keys(kind.fields).filter((name) => !kind.fields[name]!.takesArgument);
  const entries = names.sort().map((name) => [name, kind.fields[name]!.value(row)]);
  return jsonText(Object.fromEntries(entries), { escapeHtml: true });
}

function headerObject<T>(kind: RowKind<T>): GoObject {
  const methods: Record<string, (...args: GoValue[]) => GoValue> = {};
  for (const [name, field] of Object.entries(kind.fields)) methods[name] = () => field.header;
  // A label's column is named after the last part of its key.
  methods.Label = (key: GoValue) => String(key).split(".").at(-1)!.replace(/[-_]/g, " ");
  return new GoObject("formatter.SubHeaderContext", methods);
}

const unchanged = (arity: number) => ({ arity, call: (value: GoValue) => value });

/** In the header line docker's functions leave the column names alone. */
const HEADER_FUNCTIONS: FunctionTable = {
  json: unchanged(1),
  split: unchanged(2),
  join: unchanged(2),
  title: unchanged(1),
  lower: unchanged(1),
  upper: unchanged(1),
  pad: unchanged(3),
  truncate: unchanged(2),
};

function orFail<R>(complaint: string, work: () => R): R {
  try {
    return work();
  } catch (error) {
    throw new CliError(`${complaint}: ${error instanceof Error ? error.message : error}`);
  }
}
