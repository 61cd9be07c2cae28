/**
 * The types of the builtin kinds, from builtin-types.txt (scripts/kubernetes-schema.ts writes it). A line is one type:
 *
 *     name TAB flags TAB field field …          core.v1.Secret  /v1/Secret  data:{y immutable:b type:s
 *
 * flags: "atomic" (one owner for all of it), group/version/kind of a kind. field: name, "!" when required, ":" and a type: s string,
 * i int32, l int64, n number, b boolean, y bytes, t time, u time with microseconds, q quantity, x integer or string, * anything,
 * @name another type, [ list of, { map of; then ";"-led attributes: s set, m=a,b list keyed by a and b, a atomic map, p or p=key
 * strategic merge (by key), r retain keys, d=x default. The text stays as it is in memory; a type is decoded when it is first asked for.
 */
import table from "./builtin-types.txt" with { type: "text" };
import {
  ANY,
  type FieldSchema,
  type ListSchema,
  type MapSchema,
  type ObjectSchema,
  type ScalarKind,
  type ScalarSchema,
  type TypeSchema,
} from "./type-schema.ts";

const SCALARS: Record<string, ScalarKind> = {
  s: "string",
  i: "int32",
  l: "int64",
  n: "number",
  b: "boolean",
  y: "bytes",
  t: "time",
  u: "microTime",
  q: "quantity",
  x: "intOrString",
  "*": "any",
};

const scalars = new Map<string, ScalarSchema>(
  Object.entries(SCALARS).map(([letter, kind]) => [letter, kind === "any" ? ANY : { kind }]),
);
const decoded = new Map<string, BuiltinType | undefined>();

class BuiltinType implements ObjectSchema {
  readonly kind = "object";
  readonly preserveUnknown = false;
  #fields: ReadonlyMap<string, FieldSchema> | undefined;
  readonly #source: string;
  constructor(
    readonly name: string,
    readonly atomic: boolean,
    source: string,
  ) {
    this.#source = source;
  }
  get fields(): ReadonlyMap<string, FieldSchema> {
    this.#fields ??= new Map(this.#source.split(" ").filter(Boolean).map(parseField));
    return this.#fields;
  }
}

function parseField(text: string): [string, FieldSchema] {
  const [head = "", ...attributes] = text.split(";");
  const colon = head.indexOf(":");
  const required = head[colon - 1] === "!";
  const name = head.slice(0, required ? colon - 1 : colon);
  const attribute = (letter: string) => attributes.find((one) => one.startsWith(`${letter}=`))?.slice(2);
  return [
    name,
    {
      type: parseType(head.slice(colon + 1), attributes, attribute),
      required,
      retainKeys: attributes.includes("r"),
      fallback: attribute("d"),
    },
  ];
}

function parseType(
  text: string,
  attributes: readonly string[],
  attribute: (letter: string) => string | undefined,
): TypeSchema {
  if (text.startsWith("[")) {
    const keys = attribute("m");
    const list: ListSchema = {
      kind: "list",
      items: parseType(text.slice(1), [], () => undefined),
      merge: keys !== undefined ? "map" : attributes.includes("s") ? "set" : "atomic",
      keys: keys?.split(",") ?? [],
      patchKey: attribute("p") ?? (attributes.includes("p") ? "" : undefined),
    };
    return list;
  }
  if (text.startsWith("{")) {
    const map: MapSchema = {
      kind: "map",
      values: parseType(text.slice(1), [], () => undefined),
      atomic: attributes.includes("a"),
    };
    return map;
  }
  if (text.startsWith("@")) {
    const type = findType(text.slice(1));
    if (type === undefined) throw new Error(`builtin-types.txt names a type that it does not have: ${text}`);
    return type;
  }
  const scalar = scalars.get(text);
  if (scalar === undefined) throw new Error(`builtin-types.txt has a type that nobody knows: ${text}`);
  return scalar;
}

/** A type by its short name ("core.v1.PodSpec"). */
export function findType(name: string): ObjectSchema | undefined {
  if (decoded.has(name)) return decoded.get(name);
  const start = table.startsWith(`${name}\t`) ? 0 : table.indexOf(`\n${name}\t`) + 1;
  const line = table.slice(start, table.indexOf("\n", start));
  const [found, flags = "", fields = ""] = line.split("\t");
  const type = found === name ? new BuiltinType(name, flags.split(" ").includes("atomic"), fields) : undefined;
  decoded.set(name, type);
  return type;
}

let byKind: ReadonlyMap<string, string> | undefined;

/** The type of a builtin kind, e.g. ("apps", "v1", "Deployment"); undefined for kinds that are not builtin. */
export function findKind(group: string, version: string, kind: string): ObjectSchema | undefined {
  byKind ??= new Map(
    [...table.matchAll(/^(\S+)\t(?:atomic ?)?(\S*\/\S*\/\S+)\t/gm)].map((match) => [
      match[2] as string,
      match[1] as string,
    ]),
  );
  const name = byKind.get(`${group}/${version}/${kind}`);
  return name === undefined ? undefined : findType(name);
}

/** The name that Kubernetes' own documents give a type: "io.k8s.api.core.v1.Pod" for "core.v1.Pod". */
export function publicName(name: string): string {
  if (name.startsWith("meta.v1.")) return `io.k8s.apimachinery.pkg.apis.${name}`;
  if (name.startsWith("apiextensions.v1.")) return `io.k8s.apiextensions-apiserver.pkg.apis.${name}`;
  if (name.startsWith("apiregistration.v1.")) return `io.k8s.kube-aggregator.pkg.apis.${name}`;
  return `io.k8s.api.${name}`;
}
