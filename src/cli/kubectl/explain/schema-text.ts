/** A kind or a field as `explain` prints it (-o plaintext). */

import type { ServedType } from "../resource-types.ts";
import { elementOf, fieldAt, membersOf, resolved, type Schema, type SchemaDocument } from "./schema-documents.ts";
import { wrappedLines } from "./wrapped-lines.ts";

/** Columns that a description may take. */
const WIDTH = 76;
/** Values of a field that are named in the list of fields. */
const SHOWN_VALUES = 4;

/** The lines above: which kind it is. */
export function schemaHeading({ group, kind, version }: ServedType): string {
  const of = group === "" ? "" : `GROUP:      ${group}\n`;
  return `${of}KIND:       ${kind}\nVERSION:    ${version}\n\n`;
}

/** @param path the field's; empty for the kind itself @throws CliError when there is no such field */
export function schemaText(document: SchemaDocument, path: readonly string[], isRecursive: boolean): string {
  const { schema } = fieldAt(document, path);
  const members = membersOf(document, schema);
  const hasFields = members.properties !== undefined;
  return [
    path.length === 0 ? "" : fieldTitle(document, path.at(-1)!, schema),
    "DESCRIPTION:\n",
    descriptionText(document, schema),
    hasFields ? "FIELDS:\n" : "",
    hasFields ? fieldsText(document, members, isRecursive, referredNames(document, schema)) : "",
    "\n",
  ].join("");
}

function fieldTitle(document: SchemaDocument, name: string, schema: Schema): string {
  const values = resolved(document, schema).enum ?? [];
  const listed = values.length === 0 ? "\n" : `ENUM:\n${values.map((value) => `    ${valueText(value)}\n`).join("")}`;
  return `FIELD: ${name} <${typeName(document, schema)}>\n${listed}\n`;
}

const valueText = (value: unknown): string => (value === "" ? '""' : String(value));

/** Descriptions of the field itself, then of what it refers to or holds. */
function descriptions(document: SchemaDocument, schema: Schema): string[] {
  const own = schema.description ? [schema.description] : [];
  const referred = document.refer(schema)?.schema;
  if (referred !== undefined) return [...own, ...descriptions(document, referred)];
  const element = elementOf(schema);
  return element === undefined ? own : [...own, ...descriptions(document, element)];
}

function descriptionText(document: SchemaDocument, schema: Schema): string {
  const texts = descriptions(document, schema);
  if (texts.length === 0) return "    <empty>\n";
  return `${texts.map((text) => indented(text)).join("")}    \n`;
}

const indented = (text: string): string =>
  wrappedLines(text, WIDTH)
    .map((line) => `    ${line}\n`)
    .join("");

/** "[]Container", "map[string]string", "Object", "integer". */
export function typeName(document: SchemaDocument, schema: Schema): string {
  const referred = document.refer(schema);
  const { type = "", properties, additionalProperties, items } = referred?.schema ?? schema;
  if (items !== undefined) return `[]${typeName(document, items)}`;
  if (typeof additionalProperties === "object") return `map[string]${typeName(document, additionalProperties)}`;
  if (type !== "" && type !== "object" && type !== "array") return type;
  const isNamed = referred !== undefined && (properties !== undefined || type === "");
  return isNamed ? referred.name.slice(referred.name.lastIndexOf(".") + 1) : "Object";
}

/** Names that a schema leads through, so that kinds that hold themselves come to an end. */
function referredNames(document: SchemaDocument, schema: Schema): string[] {
  const referred = document.refer(schema);
  const element = elementOf(referred?.schema ?? schema);
  return [
    ...(referred === undefined ? [] : [referred.name]),
    ...(element === undefined ? [] : referredNames(document, element)),
  ];
}

function fieldsText(
  document: SchemaDocument,
  { properties = {}, required = [] }: Schema,
  isRecursive: boolean,
  above: readonly string[],
  indent = "  ",
): string {
  return Object.keys(properties)
    .sort()
    .map((name) => {
      const schema = properties[name]!;
      const wanted = required.includes(name) ? " -required-" : "";
      const title = `${indent}${name}\t<${typeName(document, schema)}>${wanted}\n${valuesLine(document, schema, indent)}`;
      if (!isRecursive) return `${title}${ownDescription(schema)}\n`;
      const names = referredNames(document, schema);
      if (names.some((one) => above.includes(one))) return title;
      const inner = membersOf(document, schema);
      return title + fieldsText(document, inner, true, [...above, ...names], `${indent}  `);
    })
    .join("");
}

function valuesLine(document: SchemaDocument, schema: Schema, indent: string): string {
  const values = resolved(document, schema).enum ?? [];
  if (values.length === 0) return "";
  const shown = values.slice(0, SHOWN_VALUES).map(valueText);
  return `${indent}enum: ${[...shown, ...(values.length > SHOWN_VALUES ? ["...."] : [])].join(", ")}\n`;
}

/** What the field refers to is described where that is explained. */
const ownDescription = ({ description }: Schema): string =>
  description ? indented(description) : "    <no description>\n";
