import type { Field } from "../format.ts";

type Row = Record<string, unknown>;

/**
 * The fields of rows that are plain objects: `headers` names the columns; a row's functions (`Label`) are fields that
 * take an argument.
 */
export function rowFields<T extends object>(
  headers: Readonly<Record<string, string>>,
  functions: readonly string[] = [],
): Record<string, Field<T>> {
  const fields: Record<string, Field<T>> = {};
  for (const [name, header] of Object.entries(headers)) fields[name] = { header, value: (row) => (row as Row)[name] };
  for (const name of functions) {
    const value = (row: T, argument: string) => ((row as Row)[name] as (argument: string) => unknown)(argument);
    fields[name] = { header: "", takesArgument: true, value };
  }
  return fields;
}
