import { jsonText } from "./json.ts";
import { formatText, plainText, printLine, printValues } from "./print.ts";
import {
  compareBytes,
  GoNil,
  GoStruct,
  type GoValue,
  isInteger,
  isMap,
  isNumber,
  isStringMap,
  isTrue,
  typeName,
} from "./values.ts";

/** The parameter types that are checked before a call. */
export type ParameterType = "string" | "int" | "[]string";

/** A function that templates may call. */
export interface TemplateFunction {
  /** The number of arguments; with `variadic` the least number. */
  readonly arity: number;
  readonly variadic?: boolean;
  /** The types that its first arguments must have; undefined takes any. */
  readonly takes?: readonly ParameterType[];
  call(...args: GoValue[]): GoValue;
}

export type FunctionTable = Readonly<Record<string, TemplateFunction>>;

const html = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\uFFFD" } as Record<
  string,
  string
>;

/** The functions that Go's text/template itself has. `and` and `or` are evaluated by the executor. */
export const BUILTINS: FunctionTable = {
  and: { arity: 1, variadic: true, call: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) },
  or: { arity: 1, variadic: true, call: (...args) => args.find(isTrue) ?? args.at(-1) },
  not: { arity: 1, call: (value) => !isTrue(value) },
  call: { arity: 1, variadic: true, call: callValue },
  html: { arity: 0, variadic: true, call: (...args) => printValues(args).replace(/[&<>"'\0]/g, (char) => html[char]!) },
  index: { arity: 1, variadic: true, call: (value, ...keys) => keys.reduce(indexOnce, value) },
  slice: { arity: 1, variadic: true, call: sliceValue },
  js: { arity: 0, variadic: true, call: (...args) => escapeScript(printValues(args)) },
  len: { arity: 1, call: lengthOf },
  print: { arity: 0, variadic: true, call: (...args) => printValues(args) },
  printf: { arity: 1, variadic: true, call: (format, ...args) => formatText(String(format), args) },
  println: { arity: 0, variadic: true, call: (...args) => printLine(args) },
  urlquery: {
    arity: 0,
    variadic: true,
    call: (...args) =>
      encodeURIComponent(printValues(args))
        .replace(/%20/g, "+")
        .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
  },
  eq: { arity: 1, variadic: true, call: (first, ...others) => equalsAny(first, others) },
  ne: { arity: 2, call: (a, b) => !isEqual(a, b) },
  lt: { arity: 2, call: (a, b) => isLess(a, b) },
  le: { arity: 2, call: (a, b) => isLess(a, b) || isEqual(a, b) },
  gt: { arity: 2, call: (a, b) => !isLess(a, b) && !isEqual(a, b) },
  ge: { arity: 2, call: (a, b) => !isLess(a, b) },
};

/** The functions that docker's client adds. */
export const DOCKER_FUNCTIONS: FunctionTable = {
  json: { arity: 1, call: (value) => jsonText(value) },
  split: {
    arity: 2,
    takes: ["string", "string"],
    call: (text, separator) => (text as string).split(separator as string),
  },
  join: {
    arity: 2,
    takes: ["[]string", "string"],
    call: (items, separator) =>
      Array.isArray(items) ? items.map((item) => plainText(item)).join(separator as string) : "",
  },
  title: {
    arity: 1,
    takes: ["string"],
    call: (text) =>
      (text as string).replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_, before, letter) => before + letter.toUpperCase()),
  },
  lower: { arity: 1, takes: ["string"], call: (text) => (text as string).toLowerCase() },
  upper: { arity: 1, takes: ["string"], call: (text) => (text as string).toUpperCase() },
  pad: {
    arity: 3,
    takes: ["string", "int", "int"],
    call: (text, before, after) => (text === "" ? "" : " ".repeat(Number(before)) + text + " ".repeat(Number(after))),
  },
  truncate: { arity: 2, takes: ["string", "int"], call: (text, length) => (text as string).slice(0, Number(length)) },
};

function callValue(callee: GoValue, ...args: GoValue[]): GoValue {
  if (callee === undefined || callee === null) throw new Error("call of nil");
  if (typeof callee !== "function") throw new Error(`non-function of type ${typeName(callee)}`);
  return callee(...args);
}

function indexOnce(value: GoValue, key: GoValue): GoValue {
  if (value === undefined || value === null) throw new Error("index of untyped nil");
  if (isMap(value) || (value instanceof GoNil && value.kind === "map")) {
    if (typeof key !== "string") throw new Error(`value has type ${typeName(key)}; should be string`);
    if (value instanceof GoNil) return "";
    return Object.hasOwn(value, key) ? value[key] : isStringMap(value) ? "" : undefined;
  }
  if (value instanceof GoNil && value.kind === "pointer") throw new Error("index of nil pointer");
  if (Array.isArray(value) || typeof value === "string" || value instanceof GoNil) {
    const items = value instanceof GoNil ? [] : typeof value === "string" ? [...Buffer.from(value)] : value;
    return items[checkedIndex(key, items.length - 1)];
  }
  throw new Error(`can't index item of type ${typeName(value)}`);
}

function checkedIndex(key: GoValue, most: number): number {
  if (key === undefined || key === null) throw new Error("cannot index slice/array with nil");
  if (!isInteger(key)) throw new Error(`cannot index slice/array with type ${typeName(key)}`);
  const index = Number(key);
  if (index < 0 || index > most) throw new Error(`index out of range: ${index}`);
  return index;
}

function sliceValue(value: GoValue, ...bounds: GoValue[]): GoValue {
  if (value === undefined || value === null) throw new Error("slice of untyped nil");
  if (bounds.length > 3) throw new Error(`too many slice indexes: ${bounds.length}`);
  if (typeof value !== "string" && !Array.isArray(value))
    throw new Error(`can't slice item of type ${typeName(value)}`);
  if (typeof value === "string" && bounds.length === 3) throw new Error("cannot 3-index slice a string");
  const items = typeof value === "string" ? Buffer.from(value) : value;
  const [from = 0, to = items.length] = bounds.map((bound) => checkedIndex(bound, items.length));
  if (from > to) throw new Error(`invalid slice index: ${from} > ${to}`);
  const part = items.slice(from, to);
  return Buffer.isBuffer(part) ? part.toString() : part;
}

function lengthOf(value: GoValue): number {
  if (value === undefined || value === null) throw new Error("len of nil pointer");
  if (value instanceof GoNil && value.kind !== "pointer") return 0;
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  throw new Error(`len of type ${typeName(value)}`);
}

function escapeScript(text: string): string {
  const named: Record<string, string> = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
  };
  return text.replace(
    /[\\'"<>&=\x00-\x1f]/g,
    (char) => named[char] ?? `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}

type BasicKind = "bool" | "number" | "string" | "nil";

function basicKind(value: GoValue): BasicKind {
  if (value === undefined || value === null || value instanceof GoNil) return "nil";
  if (typeof value === "boolean") return "bool";
  if (isNumber(value)) return "number";
  if (typeof value === "string") return "string";
  throw new Error(`non-comparable type ${plainText(value)}: ${typeName(value)}`);
}

function equalsAny(first: GoValue, others: GoValue[]): boolean {
  if (others.length === 0) throw new Error("missing argument for comparison");
  return others.some((other) => isEqual(first, other));
}

function isEqual(a: GoValue, b: GoValue): boolean {
  if (a instanceof GoStruct && b instanceof GoStruct) return jsonText(a) === jsonText(b);
  const [aKind, bKind] = [basicKind(a), basicKind(b)];
  if (aKind === "nil" || bKind === "nil") return aKind === bKind;
  if (aKind !== bKind) throw incompatible(a, b);
  if (isNumber(a) && isNumber(b)) {
    if (isInteger(a) !== isInteger(b)) throw incompatible(a, b);
    return Number(a) === Number(b);
  }
  return a === b;
}

function isLess(a: GoValue, b: GoValue): boolean {
  const [aKind, bKind] = [basicKind(a), basicKind(b)];
  if (aKind !== bKind) throw incompatible(a, b);
  if (isNumber(a) && isNumber(b)) return Number(a) < Number(b);
  if (typeof a === "string" && typeof b === "string") return compareBytes(a, b) < 0;
  throw new Error("invalid type for comparison");
}

function incompatible(a: GoValue, b: GoValue): Error {
  return new Error(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
}
