/**
 * The messages of Kubernetes' protobuf form, from messages.txt (scripts/kubernetes-protobuf.ts writes it): what number each field of
 * the builtin kinds has on the wire, as the types in kubectl 1.36 tell. A line is one message:
 *
 *     name TAB field field …          core.v1.Secret  metadata:1!:@meta.v1.ObjectMeta immutable:5!:b data:2:{y
 *
 * field: its name in JSON, number, "!" when JSON has it also with its zero value, and a type: s string, i whole number, b boolean,
 * f number, y bytes, t time, u time with microseconds, q quantity, x integer or string, j JSON, d duration, e list of strings in a
 * message, @name another message, [ list of, { map of. "^number:@name" is a message whose fields are the outer one's in JSON.
 */
import table from "./messages.txt" with { type: "text" };

export interface MessageField {
  /** Undefined: the fields of its message belong to the outer object. */
  readonly name: string | undefined;
  readonly keepsZero: boolean;
  readonly type: string;
}
export type Message = ReadonlyMap<number, MessageField>;

const decoded = new Map<string, Message>();
let lines: Map<string, string> | undefined;

/** Undefined when there is no message of that name ("core.v1.Pod"). */
export function messageOf(name: string): Message | undefined {
  const known = decoded.get(name);
  if (known !== undefined) return known;
  lines ??= new Map(table.split("\n").map((line) => line.split("\t", 2) as [string, string]));
  const line = lines.get(name);
  if (line === undefined) return undefined;
  const message = new Map(line.split(" ").filter(Boolean).map(parseField));
  decoded.set(name, message);
  return message;
}

/** The message of a kind; options are the same in all groups. */
export function messageOfKind(apiVersion: string, kind: string): Message | undefined {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/", 2) : ["core", apiVersion];
  return messageOf(`${group!.split(".", 1)[0]}.${version}.${kind}`) ?? messageOf(`meta.v1.${kind}`);
}

function parseField(text: string): [number, MessageField] {
  if (text.startsWith("^")) {
    const [number = "", type = ""] = text.slice(1).split(":", 2);
    return [Number(number), { name: undefined, keepsZero: false, type }];
  }
  const [name = "", number = "", type = ""] = text.split(":", 3);
  return [Number.parseInt(number, 10), { name, keepsZero: number.endsWith("!"), type }];
}
