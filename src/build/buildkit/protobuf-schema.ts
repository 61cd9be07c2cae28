/** Messages from tables of their fields: "number name type", where `type*` repeats and `map<k,v>` maps. */
import { Root, type Type } from "protobufjs/light.js";

type MessageTables = Readonly<Record<string, string>>;

/** Encodes and decodes one kind of message. Absent scalars read as their zero, absent messages as undefined. */
export interface MessageCodec<Message extends object> {
  encode(message: Partial<Message>): Uint8Array;
  /** @throws when the bytes are no such message */
  decode(bytes: Uint8Array): Message;
}

export class ProtobufSchema {
  private readonly root: Root;

  /** Names are full ("package.Message"); types of fields are scalars or full names. */
  constructor(tables: MessageTables) {
    const nested: Record<string, object> = {};
    for (const [name, table] of Object.entries(tables)) place(nested, name.split("."), { fields: fieldsOf(table) });
    this.root = Root.fromJSON({ nested: nested as never });
  }

  codec<Message extends object>(name: string): MessageCodec<Message> {
    let found: Type | undefined;
    const type = () => {
      found ??= this.root.lookupType(name);
      return found;
    };
    return {
      encode: (message) => type().encode(type().fromObject(message)).finish(),
      decode: (bytes) =>
        type().toObject(type().decode(bytes), {
          longs: Number,
          arrays: true,
          objects: true,
          defaults: true,
        }) as Message,
    };
  }
}

function place(into: Record<string, object>, [first = "", ...rest]: string[], message: object): void {
  const here = (into[first] ?? {}) as { nested?: Record<string, object> };
  if (rest.length === 0) {
    into[first] = { ...here, ...message };
    return;
  }
  here.nested ??= {};
  into[first] = here;
  place(here.nested, rest, message);
}

function fieldsOf(table: string): Record<string, object> {
  const fields: Record<string, object> = {};
  for (const row of table.split(",").map((text) => text.trim())) {
    if (row === "") continue;
    const match = /^(\d+) (\w+) (?:map<(\w+);([\w.]+)>|([\w.]+)(\*)?)$/.exec(row);
    if (match === null) throw new Error(`a field's row is malformed: ${row}`);
    const [, id, name, keyType, valueType, type, repeated] = match;
    const common = { id: Number(id), type: valueType ?? type };
    fields[name!] = keyType ? { ...common, keyType } : repeated ? { ...common, rule: "repeated" } : common;
  }
  return fields;
}
