/** YAML bodies as JSON text. */

import { type Document, isMap, isScalar, isSeq, parseDocument } from "yaml";
import { StatusError } from "../status.ts";

/**
 * The JSON text of a YAML document. Keys that it gives twice are twice in the text too, so that they can be told like those of JSON;
 * whoever parses it gets the last.
 * @throws StatusError BadRequest for what is no YAML
 */
export function yamlToJson(text: string): string {
  const document = parseDocument(text, { version: "1.1", schema: "yaml-1.1", merge: true });
  const wrong = document.errors.find((error) => error.code !== "DUPLICATE_KEY");
  if (wrong !== undefined) throw unreadable(wrong);
  try {
    return document.errors.length === 0
      ? JSON.stringify(document.toJS())
      : withRepetitions(document.contents, document);
  } catch (error) {
    throw unreadable(error as Error);
  }
}

function unreadable(error: Error): StatusError {
  return new StatusError("BadRequest", `error converting YAML to JSON: ${error.message}`);
}

function withRepetitions(node: unknown, document: Document): string {
  if (isMap(node)) {
    const members = node.items.map(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : String(key);
      return `${JSON.stringify(name)}:${withRepetitions(value, document)}`;
    });
    return `{${members.join(",")}}`;
  }
  if (isSeq(node)) return `[${node.items.map((item) => withRepetitions(item, document)).join(",")}]`;
  const value = (node as { toJS?(document: Document): unknown } | null)?.toJS?.(document);
  return JSON.stringify(value ?? null);
}
