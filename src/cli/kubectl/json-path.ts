/** kubectl's JSONPath templates carried out: text with {expressions}, {range}…{end}, filters, slices, unions, recursive descent. */

import { JsonPathError, type Node, type Operand, type Path, parseTemplate, type Step } from "./json-path-parser.ts";
import { shortJsonText } from "./json-text.ts";

/** A template made ready. `print` answers the text for an object; `values` the values of its first expression. */
interface JsonPathTemplate {
  print(object: unknown): string;
  values(object: unknown): unknown[];
}

/** @param allowMissing false: a field that is not there is an error  @throws JsonPathError */
export function parseJsonPath(template: string, allowMissing = true): JsonPathTemplate {
  const nodes = parseTemplate(template);
  return {
    print: (object) => printNodes(nodes, object, object, allowMissing),
    values(object) {
      const first = nodes.find((node) => node.kind === "path");
      return first?.kind === "path" ? walk(first.path, object, object, allowMissing) : [];
    },
  };
}

/** Accepts what users write for columns and sort keys: ".metadata.name", "metadata.name", "{.metadata.name}". */
export function relaxedPath(text: string): string {
  if (text.startsWith("{")) return text;
  return `{${text.startsWith(".") || text.startsWith("[") ? "" : "."}${text}}`;
}

function walk(path: Path, root: unknown, here: unknown, allowMissing: boolean): unknown[] {
  let values: unknown[] = [path.fromRoot ? root : here];
  for (const step of path.steps) values = values.flatMap((value) => take(step, value, root, allowMissing));
  return values;
}

function take(step: Step, value: unknown, root: unknown, allowMissing: boolean): unknown[] {
  switch (step.kind) {
    case "field":
      return field(step.name, value, allowMissing);
    case "wildcard":
      return children(value);
    case "descent":
      return [value, ...children(value).flatMap((child) => take(step, child, root, true))].filter(
        (one) => typeof one === "object" && one !== null,
      );
    case "slice":
      return slice(step, value, allowMissing);
    case "union":
      return step.members.flatMap((member) => walk(member, root, value, allowMissing));
    case "filter":
      return children(value).filter((child) => passes(step, child, root));
  }
}

function field(name: string, value: unknown, allowMissing: boolean): unknown[] {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)) {
    return [(value as Record<string, unknown>)[name]];
  }
  if (allowMissing || Array.isArray(value)) return [];
  throw new JsonPathError(`${name} is not found`);
}

function slice({ from, to, step }: Extract<Step, { kind: "slice" }>, value: unknown, allowMissing: boolean): unknown[] {
  if (!Array.isArray(value)) {
    if (allowMissing) return [];
    throw new JsonPathError("is not array or slice");
  }
  const isIndex = from !== undefined && to === from + 1;
  if (isIndex && from >= value.length) {
    throw new JsonPathError(`array index out of bounds: index ${from}, length ${value.length}`);
  }
  return value.slice(from ?? 0, to ?? value.length).filter((_one, at) => at % Math.max(1, step) === 0);
}

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === "object" && value !== null ? Object.values(value) : [];
}

function passes({ left, operator, right }: Extract<Step, { kind: "filter" }>, here: unknown, root: unknown): boolean {
  const of = (one: Operand) => (one.kind === "value" ? [one.value] : walk(one.path, root, here, true));
  const [value] = of(left);
  if (right === undefined) return of(left).length > 0;
  const [other] = of(right);
  if (value === undefined || other === undefined) return operator === "!=" && value !== other;
  switch (operator) {
    case "==":
      return value === other || (typeof value !== typeof other && String(value) === String(other));
    case "!=":
      return value !== other && String(value) !== String(other);
    case "<":
      return value! < other!;
    case ">":
      return value! > other!;
    case "<=":
      return value! <= other!;
    default:
      return value! >= other!;
  }
}

function printNodes(nodes: readonly Node[], root: unknown, here: unknown, allowMissing: boolean): string {
  return nodes
    .map((node) => {
      if (node.kind === "text") return node.text;
      if (node.kind === "value") return printValue(node.value);
      const values = walk(node.path, root, here, allowMissing);
      if (node.kind === "path") return values.map(printValue).join(" ");
      return values.map((value) => printNodes(node.body, root, value, allowMissing)).join("");
    })
    .join("");
}

/** Scalars bare, everything else as JSON. */
export function printValue(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? shortJsonText(value) : String(value);
}
