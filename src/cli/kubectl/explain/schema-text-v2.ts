/** A kind or a field as `explain` printed it of old (-o plaintext-openapiv2). */

import { groupVersion, type ServedType } from "../resource-types.ts";
import { elementOf, fieldAt, membersOf, resolved, type Schema, type SchemaDocument } from "./schema-documents.ts";
import { joinedLines } from "./wrapped-lines.ts";

const WIDTH = 75;
const INDENT = "     ";

/** @param path the field's; empty for the kind itself @throws CliError when there is no such field */
export function schemaTextOfVersion2(
  document: SchemaDocument,
  type: ServedType,
  path: readonly string[],
  isRecursive: boolean,
): string {
  const { schema } = fieldAt(document, path);
  const members = membersOf(document, schema);
  const hasFields = members.properties !== undefined;
  const title = hasFields ? "RESOURCE: " : "FIELD:    ";
  const name = path.length === 0 ? "" : `${title}${path.at(-1)} <${plainType(document, schema)}>\n\n`;
  const head = `KIND:     ${type.kind}\nVERSION:  ${groupVersion(type)}\n\n${name}`;
  const described = `DESCRIPTION:\n${descriptionText(document, schema)}`;
  if (!hasFields) return head + described;
  const fields = isRecursive ? nestedFields(document, members, [], "   ") : `${listedFields(document, members)}`;
  return `${head}${described}\nFIELDS:\n${fields}`;
}

const indented = (text: string): string =>
  joinedLines(text, WIDTH)
    .map((line) => (line === "" ? "\n" : `${INDENT}${line}\n`))
    .join("");

/** The field's own words, then those of what it holds. */
function descriptionText(document: SchemaDocument, schema: Schema): string {
  const own = schema.description;
  const element = elementOf(schema);
  const held = document.refer(schema)?.schema ?? (element === undefined ? undefined : resolved(document, element));
  const below = held?.description;
  if (!below) return own ? indented(own) : `${INDENT}<empty>\n`;
  return `${own ? indented(own) : ""}\n${indented(below)}`;
}

function plainType(document: SchemaDocument, schema: Schema): string {
  const { type = "", properties, additionalProperties, items } = document.refer(schema)?.schema ?? schema;
  if (items !== undefined) return `[]${plainType(document, items)}`;
  if (typeof additionalProperties === "object") return `map[string]${plainType(document, additionalProperties)}`;
  if (type === "object") return properties === undefined ? "map[string]" : "Object";
  return type;
}

function listedFields(document: SchemaDocument, { properties = {}, required = [] }: Schema): string {
  return Object.keys(properties)
    .sort()
    .map((name) => {
      const schema = properties[name]!;
      const wanted = required.includes(name) ? " -required-" : "";
      const text = schema.description ?? "";
      return `   ${name}\t<${plainType(document, schema)}>${wanted}\n${text === "" ? "" : indented(text)}\n`;
    })
    .join("");
}

function nestedFields(document: SchemaDocument, schema: Schema, above: readonly string[], indent: string): string {
  const { properties = {} } = schema;
  return Object.keys(properties)
    .sort()
    .map((name) => {
      const field = properties[name]!;
      const line = `${indent}${name}\t<${plainType(document, field)}>\n`;
      const names = namesBelow(document, field);
      if (names.some((one) => above.includes(one))) return line;
      return line + nestedFields(document, membersOf(document, field), [...above, ...names], `${indent}   `);
    })
    .join("");
}

function namesBelow(document: SchemaDocument, schema: Schema): string[] {
  const referred = document.refer(schema);
  const element = elementOf(referred?.schema ?? schema);
  const below = element === undefined ? [] : namesBelow(document, element);
  return referred === undefined ? below : [referred.name, ...below];
}
